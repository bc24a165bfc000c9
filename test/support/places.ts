import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The clone's root; tests run from `dist/test/<kind>/`. */
export const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
/** What `ownlens` starts. */
export const OWNLENS = join(ROOT, 'bin', 'ownlens')

/** A folder of one's own, and how to remove it. */
export async function temporaryFolder(): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'ownlens-test-'))
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 5 }) }
}
