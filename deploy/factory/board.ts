import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { OwnlensError } from '../../protocol/errors.ts'
import { type Disk, readText } from '../../storage/disk.ts'

/** How a station hears from a board: its signature under serial and nonce (PROTOCOL 9.1). */
export type Board = (serial: string, nonce: string) => Promise<string>

const BIRTH_MAX = 8 * 1024

/**
 * A board whose data folder lies on this machine. The station does not read its key: it asks the board's own command.
 *
 * @param command how `ownlens` is started, without arguments.
 * @throws OwnlensError `factory.board`.
 */
export function boardHere(data: string, command: readonly [string, ...string[]]): Board {
  const [program, ...before] = command
  return async (serial, nonce) => {
    const args = [...before, 'agent', 'birth', '--data', data, '--serial', serial, '--nonce', nonce]
    try {
      const { stdout } = await promisify(execFile)(program, args, { maxBuffer: BIRTH_MAX, timeout: 60_000 })
      return stdout.trim()
    } catch (cause) {
      const said = (cause as { stderr?: string }).stderr?.trim()
      throw new OwnlensError('factory.board', said || (cause as Error).message, { cause })
    }
  }
}

/** What a board somewhere else has written. Throws `factory.board`. */
export async function readBirthFile(disk: Disk, path: string): Promise<string> {
  const text = await readText(disk, path)
  if (text === undefined) throw new OwnlensError('factory.board', `there is no file ${path}`)
  return text.trim()
}
