import { randomBytes } from 'node:crypto'
import { Agent } from 'node:https'
import type { Duplex } from 'node:stream'
import type { X509Certificate } from '@peculiar/x509'
import fetch, { FetchError, type Response } from 'node-fetch'
import { z } from 'zod'
import { type ErrorCode, errorTable, OwnlensError } from '../protocol/errors.ts'
import { text } from '../protocol/fields.ts'
import { base32 } from '../protocol/ids.ts'
import type { Signer } from '../protocol/keys.ts'
import {
  enrolmentKind,
  nonceKind,
  type RequestAction,
  type RequestAnswer,
  type RequestBody,
  requestAnswers,
  requestKind,
} from '../protocol/registrar.ts'
import { makeStatement, readStatement } from '../protocol/statement.ts'
import { checkDates } from './hub-chain.ts'
import { connectHub } from './hub-line.ts'
import type { SignedTime } from './signed-time.ts'
import {
  keyIdOf,
  makeTlsRequest,
  type PinnedCa,
  readHubKey,
  readIssued,
  readPinnedCa,
  type TlsIdentity,
} from './tls.ts'

/** Where a hub is, and the certificate authority that must vouch for it. */
export interface HubAddress {
  /** `https://host:port`. */
  readonly url: string
  readonly caId: string
}

/** The hub's signed answer to "who am I talking to, and when": used up by one request. */
export interface HubNonce {
  readonly nonce: string
  readonly hubKeyId: string
  /** The hub's time in milliseconds since 1970. */
  readonly time: number
  /** Monotonic milliseconds at which it arrived. */
  readonly heardAt: number
  /** The newest epoch the registrar knows for the device that asked. */
  readonly epoch: number
  /** `mqtts://host:port`. */
  readonly broker: string
}

export type EnrolmentRole =
  | { readonly kind: 'device'; readonly epoch: number; readonly counter: number; readonly boot: string }
  | { readonly kind: 'member' }

const TIMEOUT_MS = 15_000
/** Larger answers are not read. */
export const ANSWER_MAX = 4 * 1024 * 1024

const errorAnswer = z.object({ error: z.object({ code: z.string().max(64), message: z.string().max(500) }) })
const nonceAnswer = z.strictObject({ nonce: z.string().max(8192), hub: z.base64().max(8192) })

/** Talks HTTPS to a hub whose CA is pinned. Every method throws `hub.unreachable`, `hub.ca`, or the hub's own code. */
export class HubClient {
  readonly address: HubAddress
  #ca: PinnedCa | undefined
  #signed: SignedTime | undefined
  readonly #signal: AbortSignal | undefined
  readonly #onTime: ((signed: SignedTime) => void) | undefined

  /** @param options.onTime hears every time that the hub has signed. */
  constructor(
    address: HubAddress,
    options: { signal?: AbortSignal; onTime?: (signed: SignedTime) => void } = {},
  ) {
    this.address = address
    this.#signal = options.signal
    this.#onTime = options.onTime
  }

  /** The hub's CA as PEM. Fetched once without trust, and taken only if its key has the pinned id. */
  async ca(): Promise<string> {
    return (await this.#pinned()).pem
  }

  /** The pinned CA and those that it vouches for, as PEM: what leads to the hub key's certificate. */
  async authorities(): Promise<string> {
    return (await this.#pinned()).authorities.map(ca => `${ca.toString('pem')}\n`).join('')
  }

  async #pinned(): Promise<PinnedCa> {
    if (this.#ca !== undefined) return this.#ca
    const pem = asText(await this.#send('/ca.pem', {}))
    this.#ca = await readPinnedCa(pem, this.address.caId)
    return this.#ca
  }

  /**
   * A nonce for `id`'s next request, with the hub's time. Its signature leads to the pinned CA, and it answers a challenge
   * that was made just now: a recorded answer would turn the clock back.
   */
  async nonce(id: string): Promise<HubNonce> {
    const { authorities } = await this.#pinned()
    const challenge = base32(randomBytes(16))
    const relied: X509Certificate[] = []
    const to = await this.#to({ onChain: chain => relied.push(...chain) })
    const answer = parse(nonceAnswer, await this.#send(`/nonce?for=${id}&challenge=${challenge}`, to))
    const heardAt = performance.now()
    const hubKey = await readHubKey(Buffer.from(answer.hub, 'base64'), authorities)
    const hubKeyId = keyIdOf(hubKey)
    const { payload } = await readStatement(nonceKind, answer.nonce, hubKeyId)
    if (payload.for !== id) throw new OwnlensError('hub.answer', 'a nonce for somebody else')
    if (payload.challenge !== challenge) throw new OwnlensError('hub.answer', 'an answer to another question')
    const time = Date.parse(payload.time)
    // Now that a time is known, by it: the key that signed it, and all that led here.
    checkDates([...relied, hubKey], time)
    this.#signed = { time, heardAt }
    this.#onTime?.(this.#signed)
    const { nonce, epoch, broker } = payload
    return { nonce, hubKeyId, time, heardAt, epoch, broker }
  }

  /**
   * Sends a signed request and returns the registrar's answer (PROTOCOL 5.3).
   *
   * @param householdId null for an asker who is of no household yet.
   */
  async request<A extends RequestAction>(
    householdId: string | null,
    body: Extract<RequestBody, { action: A }>,
    signer: Signer,
  ): Promise<RequestAnswer<A>> {
    const { nonce } = await this.nonce(signer.id)
    const jws = await makeStatement(
      requestKind,
      { householdId, caId: this.address.caId, nonce, body },
      signer,
    )
    const headers = { 'content-type': 'application/jose' }
    const answer = await this.#send('/request', {
      ...(await this.#to()),
      ...{ method: 'POST', headers, body: jws },
    })
    const schema = requestAnswers[body.action] as unknown as z.ZodType<RequestAnswer<A>>
    return parse(schema, answer)
  }

  /**
   * Gets a TLS certificate (EST simpleenroll, RFC 7030 §4.2) for a fresh key, by a statement of the device's or member's
   * own key.
   *
   * @param commonName the id, for members with `.` and 8 characters behind it.
   */
  async enrol(options: {
    commonName: string
    householdId: string
    role: EnrolmentRole
    signer: Signer
  }): Promise<{ tls: TlsIdentity; hub: HubNonce }> {
    const { commonName, householdId, role, signer } = options
    const { pem, authorities } = await this.#pinned()
    const hub = await this.nonce(signer.id)
    const request = await makeTlsRequest(commonName)
    const statement = await makeStatement(
      enrolmentKind,
      {
        id: signer.id,
        householdId,
        tlsKey: request.keyHash,
        caId: this.address.caId,
        nonce: hub.nonce,
        role,
      },
      signer,
    )
    const headers = { 'content-type': 'application/pkcs10', 'ownlens-statement': statement }
    const body = Buffer.from(request.csr).toString('base64')
    const answer = await this.#send('/.well-known/est/simpleenroll', {
      ...(await this.#to()),
      ...{ method: 'POST', headers, body },
    })
    const issued = await readIssued(Buffer.from(asText(answer), 'base64'), request.keyHash, authorities)
    const certificate = issued.toString('pem')
    const signed = { time: hub.time, heardAt: hub.heardAt }
    return {
      hub,
      tls: { name: commonName, certificate, key: request.key, ca: pem, notAfter: issued.notAfter, signed },
    }
  }

  /** The id of the hub's own key, from its certificate (DER): the pinned CA must have given it, and it must not have ended. */
  async hubKeyId(certificate: Uint8Array): Promise<string> {
    const hubKey = await readHubKey(certificate, (await this.#pinned()).authorities)
    if (this.#signed !== undefined) checkDates([hubKey], this.#signed.time)
    return keyIdOf(hubKey)
  }

  /** A JSON answer, asked with a TLS identity of one's own (mutual TLS). */
  async getJson<T>(path: string, tls: TlsIdentity, schema: z.ZodType<T>): Promise<T> {
    return parse(schema, await this.getBytes(path, tls))
  }

  /** The bytes behind a path, asked with a TLS identity of one's own. */
  async getBytes(path: string, tls: TlsIdentity): Promise<Uint8Array> {
    return this.#send(path, await this.#to({ identity: tls }))
  }

  /** Whom to speak with, and who speaks. */
  async #to(more: Pick<Sending, 'identity' | 'onChain'> = {}): Promise<Sending> {
    return { ...more, ca: (await this.#pinned()).pem }
  }

  /** The whole answer; a connection that breaks in the middle of it is a hub that does not answer. */
  async #send(path: string, sending: Sending): Promise<Uint8Array> {
    const { ca, identity, onChain, ...init } = sending
    const timeout = AbortSignal.timeout(TIMEOUT_MS)
    const signal = this.#signal === undefined ? timeout : AbortSignal.any([timeout, this.#signal])
    const agent = new Agent({ maxCachedSessions: 0, rejectUnauthorized: false })
    let refused: OwnlensError | undefined
    // Node sends the request once the connection is handed over: after the check.
    const createConnection: CreateConnection = ({ host, port }, done) => {
      connectHub({
        host,
        port: Number(port),
        ca: ca ?? '',
        identity,
        signed: this.#signed ?? identity?.signed,
        signal,
      })
        .then(({ socket, chain }) => {
          onChain?.(chain)
          done(null, socket)
        })
        .catch(error => {
          if (error instanceof OwnlensError) refused = error
          done(error)
        })
    }
    if (ca !== undefined) Object.assign(agent, { createConnection })
    try {
      // node-fetch lets a body's error go unheard when it is told too late that nobody wants it.
      signal.throwIfAborted()
      const options = {
        ...init,
        agent,
        redirect: 'error',
        size: ANSWER_MAX,
        signal: signal as never,
      } as const
      const response = await fetch(this.address.url + path, options)
      if (response.ok) return new Uint8Array(await response.arrayBuffer())
      throw await refusal(response)
    } catch (cause) {
      if (refused !== undefined) throw refused
      if (cause instanceof OwnlensError) throw cause
      const detail = cause instanceof FetchError ? (cause.code ?? cause.type) : (cause as Error).name
      throw new OwnlensError('hub.unreachable', `${this.address.url}: ${detail}`, { cause })
    }
  }
}

/** What is sent, and to whom. Without a CA nobody is trusted. */
interface Sending {
  readonly ca?: string
  readonly identity?: TlsIdentity
  readonly onChain?: (chain: readonly X509Certificate[]) => void
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string
}

type CreateConnection = (
  options: { host: string; port: number | string },
  done: (error: Error | null, socket?: Duplex) => void,
) => void

/** The hub's refusal as an error of ours, when it names a code that we know. */
async function refusal(response: Response): Promise<OwnlensError> {
  const answer = errorAnswer.safeParse(await response.json().catch(() => undefined))
  const { code = '', message = '' } = answer.data?.error ?? {}
  return Object.hasOwn(errorTable, code)
    ? new OwnlensError(code as ErrorCode, detailIn(message, code as ErrorCode))
    : new OwnlensError('hub.answer', `HTTP ${response.status}`)
}

/** What a refusal says beyond the table's own words, for example from when on a camera is free: `says (detail)`. */
function detailIn(message: string, code: ErrorCode): string | undefined {
  const { says } = errorTable[code]
  const detail =
    message.startsWith(`${says} (`) && message.endsWith(')') ? message.slice(says.length + 2, -1) : ''
  const parsed = text(200).min(1).safeParse(detail)
  return parsed.success ? parsed.data : undefined
}

function parse<T>(schema: z.ZodType<T>, bytes: Uint8Array): T {
  let value: unknown
  try {
    value = JSON.parse(asText(bytes))
  } catch (cause) {
    throw new OwnlensError('hub.answer', 'not JSON', { cause })
  }
  const parsed = schema.safeParse(value)
  if (!parsed.success) throw new OwnlensError('hub.answer', parsed.error.issues[0]?.message)
  return parsed.data
}

const asText = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
