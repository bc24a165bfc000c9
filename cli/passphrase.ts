import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { OwnlensError } from '../protocol/errors.ts'

/**
 * The root key's passphrase: from a file's first line, else asked for at the terminal without showing it.
 *
 * @param options.twice for a new one: a slip would lock the root up for ever.
 * @throws OwnlensError `home.passphrase_needed`, `home.passphrase_file`, `home.passphrase_differs`.
 */
export async function askPassphrase(
  question: string,
  file: string | undefined,
  { twice = false } = {},
): Promise<string> {
  if (file !== undefined) return firstLine(file)
  if (!process.stdin.isTTY) throw new OwnlensError('home.passphrase_needed')
  const answer = await ask(question)
  if (answer === '') throw new OwnlensError('home.passphrase_needed', 'it is empty')
  if (twice && (await ask('The same again: ')) !== answer) throw new OwnlensError('home.passphrase_differs')
  return answer
}

/** Ctrl-C and Ctrl-D answer nothing. */
async function ask(question: string): Promise<string> {
  process.stderr.write(question)
  const mute = new Writable({ write: (_chunk, _encoding, done) => done() })
  const terminal = createInterface({ input: process.stdin, output: mute, terminal: true })
  try {
    return await new Promise<string>((resolve, reject) => {
      terminal.question('', resolve)
      terminal.once('close', () => reject(new OwnlensError('home.passphrase_needed', 'nothing was typed')))
    })
  } finally {
    terminal.close()
    process.stderr.write('\n')
  }
}

async function firstLine(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch(cause => {
    throw new OwnlensError('home.passphrase_file', file, { cause })
  })
  const line = text.split('\n')[0]?.trim() ?? ''
  if (line === '') throw new OwnlensError('home.passphrase_needed', `${file} is empty`)
  return line
}
