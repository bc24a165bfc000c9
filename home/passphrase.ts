import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { OwnlensError } from '../protocol/errors.ts'

/**
 * The root key's passphrase: from a file's first line, else asked for at the terminal without showing it.
 *
 * @throws OwnlensError `home.passphrase_needed`.
 */
export async function askPassphrase(question: string, file: string | undefined): Promise<string> {
  if (file !== undefined) return firstLine(await readFile(file, 'utf8'))
  if (!process.stdin.isTTY) throw new OwnlensError('home.passphrase_needed')
  process.stderr.write(question)
  const mute = new Writable({ write: (_chunk, _encoding, done) => done() })
  const terminal = createInterface({ input: process.stdin, output: mute, terminal: true })
  try {
    return await new Promise<string>(resolve => terminal.question('', resolve))
  } finally {
    terminal.close()
    process.stderr.write('\n')
  }
}

function firstLine(text: string): string {
  const line = text.split('\n')[0]?.trim() ?? ''
  if (line === '') throw new OwnlensError('home.passphrase_needed', 'the file is empty')
  return line
}
