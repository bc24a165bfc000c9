import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

/**
 * Where a side keeps its files: `--data`, else a folder under the XDG data folder.
 *
 * @param side `agent`, `home`, `hub`.
 */
export function dataFolder(side: string, given: string | undefined): string {
  if (given !== undefined) return resolve(given)
  const base = process.env.XDG_DATA_HOME || join(homedir(), '.local', 'share')
  return join(base, 'ownlens', side)
}
