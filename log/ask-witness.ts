import { OwnlensError } from '../protocol/errors.ts'
import { headOf } from './checkpoint.ts'
import type { Hash } from './merkle.ts'
import { type NoteKey, openNote, readNoteKey } from './note.ts'

const ANSWER_MAX = 16 * 1024
const ANSWER_MS = 10_000

/** Somebody who cosigns heads: where, and under which key. */
export interface WitnessPlace {
  /** What stands before `/add-checkpoint`. */
  readonly url: string
  readonly key: NoteKey
}

/** Reads `URL#VERIFIER-KEY`. Throws `log.key`. */
export function readWitnessPlace(text: string): WitnessPlace {
  const at = text.indexOf('#')
  const url = text.slice(0, Math.max(0, at))
  const key = readNoteKey(text.slice(at + 1))
  const isHttp = URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)
  if (!isHttp || key.kind !== 'cosignature') throw new OwnlensError('log.key', text.slice(0, 100))
  return { url: url.replace(/\/+$/, ''), key }
}

/** A head that is to be cosigned, and how it has grown. */
export interface Grown {
  /** The checkpoint as it was signed. */
  readonly note: string
  /** That the first `old` entries are the beginning of the head's. */
  readonly consistency: (old: number) => Promise<readonly Hash[]>
}

/**
 * Asks a witness to cosign a head (C2SP tlog-witness).
 *
 * @param known the size that the witness has cosigned, as far as anybody knows; it says itself when that is wrong.
 * @returns lines to be put under the note: cosignatures that hold, of this witness's key.
 * @throws OwnlensError `log.witness_gone`, `log.witness_refused`, `log.back` (it has seen a larger head: this log forgets),
 *   `log.split` (it has seen another one of this size, or one that this has not grown out of).
 */
export async function askWitness(
  { url, key }: WitnessPlace,
  { note, consistency }: Grown,
  { known = 0, signal }: { known?: number; signal: AbortSignal },
): Promise<string> {
  const { text } = openNote(note, [])
  const { size } = headOf(text)
  const ask = async (old: number) => {
    const proof = (await consistency(old)).map(hash => `${Buffer.from(hash).toString('base64')}\n`)
    return post(`${url}/add-checkpoint`, `old ${old}\n${proof.join('')}\n${note}`, signal)
  }
  let old = Math.min(known, size)
  let answer = await ask(old)
  for (let isSecond = false; answer.status === 409; isSecond = true) {
    const cosigned = Number(/^(0|[1-9][0-9]{0,15})\n?$/.exec(answer.body)?.[1])
    if (cosigned > size) throw new OwnlensError('log.back', `${key.name} has cosigned ${cosigned} entries`)
    if (cosigned === old && old === size)
      throw new OwnlensError('log.split', `${key.name} has cosigned another head of ${size} entries`)
    // It says one thing and then another, or nothing.
    if (isSecond || !(cosigned >= 0)) throw new OwnlensError('log.witness_refused', `${key.name}: 409`)
    old = cosigned
    answer = await ask(old)
  }
  if (answer.status === 422) throw new OwnlensError('log.split', `${key.name} has cosigned ${old} entries`)
  if (answer.status >= 500 || answer.status === 429)
    throw new OwnlensError('log.witness_gone', `${key.name}: ${answer.status}`)
  const lines = answer.status === 200 ? linesOf(text, answer.body, key) : ''
  if (lines === '') throw new OwnlensError('log.witness_refused', `${key.name}: ${answer.status}`)
  return lines
}

/** Those of the answered lines that are this key's cosignatures of the text. */
function linesOf(text: string, body: string, key: NoteKey): string {
  const holds = (line: string) => {
    try {
      return openNote(`${text}\n${line}\n`, [key]).signedBy.length === 1
    } catch {
      return false
    }
  }
  const lines = body.split('\n').filter(line => line !== '' && holds(line))
  return lines
    .slice(0, 4)
    .map(line => `${line}\n`)
    .join('')
}

async function post(
  url: string,
  body: string,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly body: string }> {
  try {
    const response = await fetch(url, {
      ...{ method: 'POST', body, redirect: 'error' },
      headers: { 'content-type': 'text/plain; charset=utf-8' },
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
    })
    let [text, bytes] = ['', 0]
    const decoder = new TextDecoder()
    for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      bytes += chunk.length
      if (bytes > ANSWER_MAX) throw new Error('its answer is too long')
      text += decoder.decode(chunk, { stream: true })
    }
    return { status: response.status, body: text }
  } catch (cause) {
    signal.throwIfAborted()
    throw new OwnlensError('log.witness_gone', url, { cause })
  }
}
