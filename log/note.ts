import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { OwnlensError } from '../protocol/errors.ts'
import { hex, sha256 } from '../protocol/ids.ts'

/** Whose signature a note's line is (C2SP signed-note): the name and key id say which key, nothing more. */
export interface NoteKey {
  readonly name: string
  /** The first four bytes of the key's hash. */
  readonly keyId: Uint8Array
  /** A log's own signature, or a witness's cosignature with a time (C2SP tlog-cosignature). */
  readonly kind: 'signature' | 'cosignature'
  readonly publicKey: KeyObject
}

export interface Note {
  /** Ends in a newline. */
  readonly text: string
  /** Those of the given keys whose signatures hold. */
  readonly signedBy: readonly NoteKey[]
}

const KINDS = { signature: 1, cosignature: 4 } as const
/** Bytes of a note, at most. */
export const NOTE_MAX = 64 * 1024
const SIGNATURES_MAX = 64
const NAME = /^[^\s+\p{Cc}\p{Z}]+$/u
const LINE = /^— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})$/

/**
 * Reads a verifier key: `name+key id+base64`, as logs and witnesses publish it.
 *
 * @throws OwnlensError `log.key`.
 */
export function readNoteKey(text: string): NoteKey {
  const [name = '', id = '', ...rest] = text.trim().split('+')
  const bytes = fromBase64(rest.join('+'))
  const refuse = () => new OwnlensError('log.key', text.slice(0, 100))
  if (!NAME.test(name) || bytes?.length !== 33) throw refuse()
  const kind =
    bytes[0] === KINDS.signature ? 'signature' : bytes[0] === KINDS.cosignature ? 'cosignature' : undefined
  if (kind === undefined) throw refuse()
  const key = noteKey(name, kind, bytes.subarray(1))
  if (hex(key.keyId) !== id) throw refuse()
  return key
}

/** An Ed25519 public key, its 32 bytes, under a name. */
function noteKey(name: string, kind: NoteKey['kind'], raw: Uint8Array): NoteKey {
  const x = Buffer.from(raw).toString('base64url')
  const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
  return { name, kind, publicKey, keyId: keyIdOf(name, kind, raw) }
}

function keyIdOf(name: string, kind: NoteKey['kind'], raw: Uint8Array): Uint8Array {
  return sha256(`${name}\n`, new Uint8Array([KINDS[kind]]), raw).subarray(0, 4)
}

/** The verifier key of an Ed25519 key under a name, to be published. */
export function writeNoteKey(name: string, kind: NoteKey['kind'], key: KeyObject): string {
  const raw = rawOf(key)
  const bytes = Buffer.concat([new Uint8Array([KINDS[kind]]), raw])
  return `${name}+${hex(keyIdOf(name, kind, raw))}+${bytes.toString('base64')}`
}

function rawOf(key: KeyObject): Uint8Array {
  const { x = '' } = (key.type === 'private' ? createPublicKey(key) : key).export({ format: 'jwk' })
  return Buffer.from(x, 'base64url')
}

/** A signature line for this text, to be put behind it. */
export function signNote(text: string, name: string, privateKey: KeyObject): string {
  const signature = sign(null, Buffer.from(text), privateKey)
  return lineOf(name, Buffer.concat([keyIdOf(name, 'signature', rawOf(privateKey)), signature]))
}

/** A witness's line for this text: at this time (seconds since 1970) it knew of no larger head of the log. */
export function cosignNote(text: string, name: string, privateKey: KeyObject, time: number): string {
  const stamp = Buffer.alloc(8)
  stamp.writeBigUInt64BE(BigInt(time))
  const signature = sign(null, cosigned(text, BigInt(time)), privateKey)
  return lineOf(name, Buffer.concat([keyIdOf(name, 'cosignature', rawOf(privateKey)), stamp, signature]))
}

function lineOf(name: string, bytes: Uint8Array): string {
  return `— ${name} ${Buffer.from(bytes).toString('base64')}\n`
}

function cosigned(text: string, time: bigint): Uint8Array {
  return Buffer.from(`cosignature/v1\ntime ${time}\n${text}`)
}

/**
 * Opens a signed note. Lines of keys that are not given are passed over; one of a given key must hold.
 *
 * @throws OwnlensError `log.note`: too long, of another form, or a signature that does not hold.
 */
export function openNote(note: string, keys: readonly NoteKey[]): Note {
  const refuse = (why: string) => new OwnlensError('log.note', why)
  if (note.length > NOTE_MAX) throw refuse('too long')
  const end = note.lastIndexOf('\n\n')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: C2SP signed-note forbids just these.
  if (end < 0 || !note.endsWith('\n') || /[\u0000-\u0009\u000b-\u001f]/.test(note)) throw refuse('form')
  const text = note.slice(0, end + 1)
  const lines = note.slice(end + 2, -1).split('\n')
  if (lines.length > SIGNATURES_MAX) throw refuse('too many signatures')
  const signedBy: NoteKey[] = []
  for (const line of lines) {
    const [, name = '', encoded = ''] = LINE.exec(line) ?? []
    const bytes = fromBase64(encoded)
    if (bytes === undefined || bytes.length < 5) throw refuse('a signature line')
    const key = keys.find(one => one.name === name && Buffer.compare(one.keyId, bytes.subarray(0, 4)) === 0)
    if (key === undefined) continue
    if (!holds(text, key, bytes.subarray(4))) throw refuse(`the signature of ${name}`)
    signedBy.push(key)
  }
  return { text, signedBy }
}

/** Whether it has the form of a signed note, whoever signed. */
export function isNote(note: string): boolean {
  try {
    openNote(note, [])
    return true
  } catch {
    return false
  }
}

/**
 * A note with more signature lines: of each key there is one, the newest. A witness that signs the same head again makes another
 * line, for it signs the time too.
 *
 * @param lines signature lines, each with its newline.
 * @returns undefined when it would have more lines or bytes than a note may have.
 */
export function withSignatures(note: string, lines: string): string | undefined {
  const end = note.lastIndexOf('\n\n') + 2
  const byKey = new Map<string, string>()
  for (const line of [...linesOf(note.slice(end)), ...linesOf(lines)]) byKey.set(keyOf(line), line)
  const more = note.slice(0, end) + [...byKey.values()].map(line => `${line}\n`).join('')
  return byKey.size > SIGNATURES_MAX || Buffer.byteLength(more) > NOTE_MAX ? undefined : more
}

/** A note with the lines of one key alone. */
export function withOnly(note: string, { name, keyId }: NoteKey): string {
  const end = note.lastIndexOf('\n\n') + 2
  const own = linesOf(note.slice(end)).filter(line => keyOf(line) === `${name} ${hex(keyId)}`)
  return note.slice(0, end) + own.map(line => `${line}\n`).join('')
}

const linesOf = (text: string) => text.split('\n').filter(line => line !== '')

/** Name and key id; the line itself where it has none. */
function keyOf(line: string): string {
  const [, name, encoded] = LINE.exec(line) ?? []
  const id = fromBase64(encoded ?? '')?.subarray(0, 4)
  return name === undefined || id === undefined ? line : `${name} ${hex(id)}`
}

function holds(text: string, { kind, publicKey }: NoteKey, signature: Uint8Array): boolean {
  if (kind === 'signature') return verify(null, Buffer.from(text), publicKey, signature)
  if (signature.length !== 72) return false
  const time = Buffer.from(signature).readBigUInt64BE(0)
  return verify(null, cosigned(text, time), publicKey, signature.subarray(8))
}

/** Undefined unless it is the one way to write these bytes. */
export function fromBase64(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64')
  return text !== '' && bytes.toString('base64') === text ? bytes : undefined
}
