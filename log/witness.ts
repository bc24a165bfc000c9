import type { KeyObject } from 'node:crypto'
import { join } from 'node:path'
import { codeOf, OwnlensError } from '../protocol/errors.ts'
import { base32, sha256 } from '../protocol/ids.ts'
import { type Disk, listFiles, readSettled, replaceFile } from '../storage/disk.ts'
import { type Checkpoint, headOf, openCheckpoint } from './checkpoint.ts'
import { checkConsistency, EMPTY_ROOT, type Hash, same } from './merkle.ts'
import { cosignNote, fromBase64, type NoteKey, openNote } from './note.ts'

/** Bytes of a request, at most: a note, and 63 hashes. */
export const REQUEST_MAX = 72 * 1024
const PROOF_MAX = 63
/** Heads kept that do not fit: each bears a log's signature. */
const EVIDENCE_MAX = 100

export interface WitnessOptions {
  readonly disk: Disk
  readonly data: string
  readonly name: string
  /** Ed25519, private. */
  readonly key: KeyObject
  /** The logs whose heads it cosigns; their names are all different. */
  readonly logs: readonly NoteKey[]
  readonly now: () => Date
}

/** An answer over HTTP. */
export interface WitnessAnswer {
  readonly status: 200 | 400 | 403 | 404 | 409 | 422
  readonly body: string
  readonly type?: 'text/x.tlog.size'
}

type Head = Pick<Checkpoint, 'size' | 'root'>

/**
 * Cosigns heads of logs, each only when it has grown out of the one before (C2SP tlog-witness). A head is on the disk before its
 * cosignature leaves, so that no start forgets what was cosigned. Heads that do not fit are kept, as evidence.
 */
export class Witness {
  readonly #options: WitnessOptions
  /** By the log's name. */
  readonly #heads: Map<string, Head>
  #turn: Promise<unknown> = Promise.resolve()

  private constructor(options: WitnessOptions, heads: Map<string, Head>) {
    this.#options = options
    this.#heads = heads
  }

  /** Throws `log.note` or `log.checkpoint` when a head that it keeps is damaged: it would cosign anything. */
  static async open(options: WitnessOptions): Promise<Witness> {
    const { disk, data, logs } = options
    const heads = new Map<string, Head>()
    await disk.makeFolder(join(data, 'heads'))
    await disk.makeFolder(join(data, 'evidence'))
    for (const log of logs) {
      const note = await readSettled(disk, headPath(data, log.name))
      if (note !== undefined) heads.set(log.name, openCheckpoint(note, log))
    }
    return new Witness(options, heads)
  }

  /** `POST /add-checkpoint`: `old N`, a line for each hash of the proof, an empty line, the checkpoint. */
  add(request: string): Promise<WitnessAnswer> {
    // One after the other: what is compared must still be so when it is written.
    const answer = this.#turn.then(() => this.#add(request))
    this.#turn = answer.catch(() => undefined)
    return answer
  }

  async #add(request: string): Promise<WitnessAnswer> {
    const read = readRequest(request)
    if (read === undefined) return { status: 400, body: 'not a request of tlog-witness\n' }
    const { old, proof, note, text, head } = read
    const log = this.#options.logs.find(({ name }) => name === head.origin)
    if (log === undefined) return { status: 404, body: 'unknown log\n' }
    if (!isSigned(note, log)) return { status: 403, body: 'not signed by the log’s key\n' }
    if (old > head.size) return { status: 400, body: 'smaller than the old size\n' }
    const known = this.#heads.get(head.origin) ?? { size: 0, root: EMPTY_ROOT }
    if (old !== known.size) return conflict(known)
    if (head.size === known.size && !same(head.root, known.root)) {
      await this.#keepEvidence(request)
      return conflict(known)
    }
    if (!fits(known, head, proof)) {
      await this.#keepEvidence(request)
      return { status: 422, body: 'the proof does not show that it has grown out of the old one\n' }
    }
    const { disk, data, name, key, now } = this.#options
    if (head.size > known.size || !this.#heads.has(head.origin)) {
      await replaceFile(disk, headPath(data, head.origin), note)
      this.#heads.set(head.origin, head)
    }
    return { status: 200, body: cosignNote(text, name, key, Math.floor(now().getTime() / 1000)) }
  }

  async #keepEvidence(request: string): Promise<void> {
    const { disk, data } = this.#options
    const folder = join(data, 'evidence')
    if ((await listFiles(disk, folder)).length >= EVIDENCE_MAX) return
    await replaceFile(disk, join(folder, base32(sha256(request))), request)
  }
}

interface Read {
  readonly old: number
  readonly proof: readonly Hash[]
  readonly note: string
  readonly text: string
  readonly head: Omit<Checkpoint, 'witnesses'>
}

function readRequest(request: string): Read | undefined {
  const end = request.indexOf('\n\n')
  const [first = '', ...lines] = request.slice(0, Math.max(0, end)).split('\n')
  const old = Number(/^old (0|[1-9][0-9]{0,15})$/.exec(first)?.[1])
  const proof = lines.flatMap(line => {
    const hash = fromBase64(line)
    return hash?.length === 32 ? [hash] : []
  })
  if (!Number.isSafeInteger(old) || proof.length !== lines.length || proof.length > PROOF_MAX)
    return undefined
  const note = request.slice(end + 2)
  try {
    const { text } = openNote(note, [])
    return { old, proof, note, text, head: headOf(text) }
  } catch (error) {
    if (error instanceof OwnlensError) return undefined
    throw error
  }
}

function isSigned(note: string, log: NoteKey): boolean {
  try {
    openCheckpoint(note, log)
    return true
  } catch (error) {
    if (error instanceof OwnlensError) return false
    throw error
  }
}

function fits(known: Head, head: Head, proof: readonly Hash[]): boolean {
  try {
    checkConsistency(known, head, proof)
    return true
  } catch (error) {
    if (codeOf(error) === 'log.proof') return false
    throw error
  }
}

function conflict({ size }: Head): WitnessAnswer {
  return { status: 409, body: `${size}\n`, type: 'text/x.tlog.size' }
}

function headPath(data: string, origin: string): string {
  return join(data, 'heads', base32(sha256(origin)))
}
