import { createReadStream } from 'node:fs'
import { z } from 'zod'
import { OwnlensError } from '../protocol/errors.ts'
import { count, time } from '../protocol/fields.ts'
import { commit, SALT_BYTES } from './commitment.ts'

/** Bytes of a line, at most: a household's roster with all its successions is the largest record. */
const LINE_MAX = 1024 * 1024

const lineSchema = z.strictObject({
  position: count,
  salt: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  content: z.string().max(LINE_MAX),
})

/** Salt and content of one entry: a line of `records.jsonl` (PROTOCOL 10.2). */
export type OpenedLine = z.infer<typeof lineSchema>

/** What an entry says that was opened: its time, and the text that it commits to. */
export interface OpenedEntry {
  readonly at: Date
  readonly content: string
}

const entrySchema = z.strictObject({
  v: z.literal(1),
  at: time,
  commitment: z.string().regex(/^[0-9a-f]{64}$/),
})

/** Undefined for an entry of another form. */
function readEntry(bytes: Uint8Array): z.infer<typeof entrySchema> | undefined {
  try {
    return entrySchema.safeParse(JSON.parse(Buffer.from(bytes).toString('utf8'))).data
  } catch {
    return undefined
  }
}

/**
 * Checks that salt and content are what this entry commits to.
 *
 * @throws OwnlensError `log.record`.
 */
export function openEntry(entry: Uint8Array, { position, salt, content }: OpenedLine): OpenedEntry {
  const { at, commitment } = readEntry(entry) ?? {}
  const key = Buffer.from(salt, 'base64url')
  if (at === undefined || key.length !== SALT_BYTES || commit(key, content) !== commitment)
    throw new OwnlensError('log.record', `entry ${position}`)
  return { at: new Date(at), content }
}

/** Opened records beside a log's entries, both from the first to the last: one line of the file is in memory at a time. */
export class OpenedRecords {
  readonly #lines: AsyncGenerator<OpenedLine>
  #next: OpenedLine | undefined
  #opened = 0
  #closed = 0

  private constructor(lines: AsyncGenerator<OpenedLine>) {
    this.#lines = lines
  }

  /** @param path undefined: all entries are closed. */
  static async open(path: string | undefined): Promise<OpenedRecords> {
    const records = new OpenedRecords(path === undefined ? nothing() : readLines(path))
    await records.#advance()
    return records
  }

  /** Entries that were opened so far, and that were not: erased, or withheld. */
  get counts(): { readonly opened: number; readonly closed: number } {
    return { opened: this.#opened, closed: this.#closed }
  }

  /** What entry `position` says; undefined when its record is not there. Throws `log.record`, `log.records`. */
  async at(position: number, entry: Uint8Array): Promise<OpenedEntry | undefined> {
    const line = this.#next
    if (line?.position !== position) {
      this.#closed++
      return undefined
    }
    const opened = openEntry(entry, line)
    await this.#advance()
    this.#opened++
    return opened
  }

  /** Throws `log.records` when there are records of entries that the log does not have. */
  async end(): Promise<void> {
    if (this.#next !== undefined)
      throw new OwnlensError('log.records', `entry ${this.#next.position} is not in the log`)
  }

  async #advance(): Promise<void> {
    const before = this.#next?.position ?? -1
    const { value } = await this.#lines.next()
    this.#next = value as OpenedLine | undefined
    if (this.#next !== undefined && this.#next.position <= before)
      throw new OwnlensError('log.records', `entry ${this.#next.position} behind entry ${before}`)
  }
}

async function* nothing(): AsyncGenerator<OpenedLine> {}

async function* readLines(path: string): AsyncGenerator<OpenedLine> {
  let rest = ''
  let number = 0
  for await (const chunk of createReadStream(path, { encoding: 'utf8' })) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > LINE_MAX) throw new OwnlensError('log.records', `line ${number + lines.length + 1}`)
    for (const line of lines) yield readLine(line, ++number)
  }
  if (rest !== '') yield readLine(rest, ++number)
}

function readLine(line: string, number: number): OpenedLine {
  try {
    return lineSchema.parse(JSON.parse(line))
  } catch (cause) {
    throw new OwnlensError('log.records', `line ${number}`, { cause })
  }
}
