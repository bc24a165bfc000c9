import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { OwnlensError } from '../protocol/errors.ts'

/**
 * Takes a data folder for this process alone. The lock belongs to the open file (flock(2), through util-linux's
 * `flock`), so the kernel drops it when the process dies, however it dies.
 *
 * @returns how to let go of it.
 * @throws OwnlensError `data.in_use`.
 */
export function lockFolder(folder: string): () => void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const file = openSync(join(folder, 'lock'), 'a', 0o600)
  const { status, error } = spawnSync('flock', ['--nonblock', '3'], {
    stdio: ['ignore', 'ignore', 'ignore', file],
  })
  if (status === 0) return () => closeSync(file)
  closeSync(file)
  if (error !== undefined) throw error
  throw new OwnlensError('data.in_use', folder)
}
