import { createInterface } from 'node:readline'
import { askLine, isYes } from '../cli/ask-line.ts'
import { OwnlensError } from '../protocol/errors.ts'

/** 24 words on one line or several, from a terminal or standard input. Throws `home.words_needed`. */
export async function askWords(): Promise<string> {
  if (process.stdin.isTTY) process.stderr.write('The 24 recovery words, in their order:\n')
  const words: string[] = []
  for await (const line of createInterface({ input: process.stdin, terminal: false })) {
    words.push(...line.split(/\s+/).filter(word => word !== ''))
    if (words.length >= 24) return words.join(' ')
  }
  throw new OwnlensError('home.words_needed', `${words.length} were given`)
}

/** Whether the person says yes: a line that begins with y or Y. Anything else, and the end of the input, is no. */
export async function askYes(question: string, { signal }: { signal: AbortSignal }): Promise<boolean> {
  return isYes(await askLine(question, { signal }))
}
