/** What a log's entry says of a record: when, and a commitment to what (PROTOCOL 10.1). Nothing of whom or what. */
export interface EntryFacts {
  /** ISO 8601 in UTC with milliseconds. */
  readonly at: string
  /** 64 hexadecimal digits. */
  readonly commitment: string
}

/** The bytes of an entry. Whoever writes it again, writes the same. */
export function entryOf({ at, commitment }: EntryFacts): Uint8Array {
  return Buffer.from(JSON.stringify({ v: 1, at, commitment }))
}
