import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ROOT, temporaryFolder } from '../support/places.ts'
import { clipVectors } from './clips.ts'
import type { ClipVectors } from './format.ts'
import { runClip } from './run-clip.ts'
import { claimVectors, rosterVectors, statementVectors } from './statements.ts'

/** Makes all vectors anew, with new keys: `node dist/test/vectors/make.js`. */
async function make(): Promise<void> {
  await write('statements', await statementVectors())
  await write('rosters', await rosterVectors())
  await write('claims', await claimVectors())
  await write('clips', await withCutHash(await clipVectors()))
}

/** How far a clip that was cut short opens is known only when it was opened; that it is a true beginning is tested. */
async function withCutHash(all: ClipVectors): Promise<ClipVectors> {
  const folder = await temporaryFolder()
  const clips = []
  for (const vector of all.clips)
    clips.push(
      typeof vector.expect !== 'string' && vector.expect.cutShort
        ? { ...vector, expect: await runClip(all, vector, folder.path) }
        : vector,
    )
  await folder.remove()
  return { ...all, clips }
}

async function write(name: string, content: unknown): Promise<void> {
  await writeFile(join(ROOT, 'test', 'vectors', `${name}.json`), `${JSON.stringify(content, null, 1)}\n`)
}

await make()
