import { dirname, resolve } from 'node:path'
import { OwnlensError } from '../protocol/errors.ts'
import { disk, replaceFile } from '../storage/disk.ts'
import { codeAsPng, codeForTerminal } from './pairing-code.ts'

/** Where a pairing code is shown. */
export interface CodePlaces {
  /** The path of a PNG, which is removed again. */
  readonly png?: string
  /** Print it although standard output is no terminal. */
  readonly print?: boolean
}

/**
 * Shows a code as a PNG, in the terminal, or both; without a terminal and a path it is printed as well.
 *
 * @returns how the PNG is taken away again.
 * @throws OwnlensError `pair.terminal`.
 */
export async function showCode(
  code: string,
  { png, print = false }: CodePlaces,
): Promise<() => Promise<void>> {
  const { isTTY, rows, columns } = process.stdout
  if (isTTY || print || png === undefined) {
    const size = isTTY && !print ? { rows, columns } : { rows: 1000, columns: 1000 }
    const drawn = codeForTerminal(code, size)
    if (drawn === undefined && png === undefined) throw new OwnlensError('pair.terminal')
    if (drawn !== undefined) process.stdout.write(drawn)
  }
  return png === undefined ? async () => undefined : writeCode(code, png)
}

/**
 * Writes a code as a PNG, whole at once: somebody may be looking.
 *
 * @returns how it is taken away again.
 */
export async function writeCode(code: string, png: string): Promise<() => Promise<void>> {
  const path = resolve(png)
  await disk.makeFolder(dirname(path))
  await replaceFile(disk, path, await codeAsPng(code))
  return () => disk.remove(path)
}
