import { createInterface } from 'node:readline'

/** What the person answers, at a terminal or on standard input: one line; undefined when there is none. */
export async function askLine(
  question: string,
  { signal }: { signal?: AbortSignal } = {},
): Promise<string | undefined> {
  process.stderr.write(question)
  const lines = createInterface({ input: process.stdin, terminal: false })
  const close = () => lines.close()
  signal?.addEventListener('abort', close, { once: true })
  try {
    for await (const line of lines) return line.trim()
    return undefined
  } finally {
    signal?.removeEventListener('abort', close)
    lines.close()
  }
}

/** A line that says yes. Anything else, and the end of the input, is no. */
export const isYes = (line: string | undefined): boolean => /^y(es)?$/i.test(line ?? '')
