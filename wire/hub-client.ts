import { Agent } from 'node:https'
import type { X509Certificate } from '@peculiar/x509'
import fetch, { FetchError, type Response } from 'node-fetch'
import { z } from 'zod'
import { type ErrorCode, errorTable, OwnlensError } from '../protocol/errors.ts'
import type { Signer } from '../protocol/keys.ts'
import { enrolmentKind, nonceKind, type RequestBody, requestKind } from '../protocol/registrar.ts'
import { makeStatement, readStatement } from '../protocol/statement.ts'
import { hubTls, makeTlsRequest, readHubKey, readIssued, readPinnedCa, type TlsIdentity } from './tls.ts'

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
  /** The newest epoch the registrar knows for the device that asked. */
  readonly epoch: number
  /** `mqtts://host:port`. */
  readonly broker: string
}

export type EnrolmentRole =
  | { readonly kind: 'device'; readonly epoch: number; readonly counter: number; readonly boot: string }
  | { readonly kind: 'member' }

const TIMEOUT_MS = 15_000
const ANSWER_MAX = 4 * 1024 * 1024

const errorAnswer = z.object({ error: z.object({ code: z.string().max(64), message: z.string().max(500) }) })
const nonceAnswer = z.strictObject({ nonce: z.string().max(8192), hub: z.base64().max(8192) })

/** Talks HTTPS to a hub whose CA is pinned. Every method throws `hub.unreachable`, `hub.ca`, or the hub's own code. */
export class HubClient {
  readonly address: HubAddress
  #ca: { pem: string; certificate: X509Certificate } | undefined
  readonly #signal: AbortSignal | undefined

  constructor(address: HubAddress, options: { signal?: AbortSignal } = {}) {
    this.address = address
    this.#signal = options.signal
  }

  /** The hub's CA as PEM. Fetched once without trust, and taken only if its key has the pinned id. */
  async ca(): Promise<string> {
    return (await this.#pinned()).pem
  }

  async #pinned(): Promise<{ pem: string; certificate: X509Certificate }> {
    if (this.#ca !== undefined) return this.#ca
    const agent = new Agent({ rejectUnauthorized: false, maxCachedSessions: 0 })
    const pem = asText(await this.#send('/ca.pem', agent, {}))
    this.#ca = { pem, certificate: await readPinnedCa(pem, this.address.caId) }
    return this.#ca
  }

  /** A nonce for `id`'s next request, with the hub's time; its signature leads to the pinned CA. */
  async nonce(id: string): Promise<HubNonce> {
    const { certificate } = await this.#pinned()
    const answer = parse(nonceAnswer, await this.#get(`/nonce?for=${id}`))
    const hubKeyId = await readHubKey(Buffer.from(answer.hub, 'base64'), certificate)
    const { payload } = await readStatement(nonceKind, answer.nonce, hubKeyId)
    if (payload.for !== id) throw new OwnlensError('hub.answer', 'a nonce for somebody else')
    return {
      nonce: payload.nonce,
      hubKeyId,
      time: Date.parse(payload.time),
      epoch: payload.epoch,
      broker: payload.broker,
    }
  }

  /** Sends a signed request (PROTOCOL 5.3). */
  async request(householdId: string, body: RequestBody, signer: Signer): Promise<void> {
    const { nonce } = await this.nonce(signer.id)
    const jws = await makeStatement(requestKind, { householdId, nonce, body }, signer)
    const { pem } = await this.#pinned()
    const headers = { 'content-type': 'application/jose' }
    await this.#send('/request', serverAgent(pem), { method: 'POST', headers, body: jws })
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
    const { pem, certificate: ca } = await this.#pinned()
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
    const answer = await this.#send('/.well-known/est/simpleenroll', serverAgent(pem), {
      method: 'POST',
      headers,
      body,
    })
    const issued = await readIssued(Buffer.from(asText(answer), 'base64'), request.keyHash, ca)
    const certificate = issued.toString('pem')
    return {
      hub,
      tls: { name: commonName, certificate, key: request.key, ca: pem, notAfter: issued.notAfter },
    }
  }

  /** A JSON answer, asked with a TLS identity of one's own (mutual TLS). */
  async getJson<T>(path: string, tls: TlsIdentity, schema: z.ZodType<T>): Promise<T> {
    return parse(schema, await this.#get(path, tls))
  }

  /** The bytes behind a path, asked with a TLS identity of one's own. */
  async getBytes(path: string, tls: TlsIdentity): Promise<Uint8Array> {
    return this.#get(path, tls)
  }

  async #get(path: string, tls?: TlsIdentity): Promise<Uint8Array> {
    const { pem } = await this.#pinned()
    return this.#send(path, serverAgent(pem, tls), {})
  }

  /** The whole answer; a connection that breaks in the middle of it is a hub that does not answer. */
  async #send(
    path: string,
    agent: Agent,
    init: { method?: string; headers?: Record<string, string>; body?: string },
  ): Promise<Uint8Array> {
    const timeout = AbortSignal.timeout(TIMEOUT_MS)
    const signal = this.#signal === undefined ? timeout : AbortSignal.any([timeout, this.#signal])
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
      if (cause instanceof OwnlensError) throw cause
      const detail = cause instanceof FetchError ? (cause.code ?? cause.type) : (cause as Error).name
      throw new OwnlensError('hub.unreachable', `${this.address.url}: ${detail}`, { cause })
    }
  }
}

const serverAgent = (ca: string, tls?: TlsIdentity): Agent =>
  new Agent({ ...hubTls(ca), maxCachedSessions: 0, ...(tls && { cert: tls.certificate, key: tls.key }) })

/** The hub's refusal as an error of ours, when it names a code that we know. */
async function refusal(response: Response): Promise<OwnlensError> {
  const answer = errorAnswer.safeParse(await response.json().catch(() => undefined))
  const code = answer.data?.error.code ?? ''
  return Object.hasOwn(errorTable, code)
    ? new OwnlensError(code as ErrorCode)
    : new OwnlensError('hub.answer', `HTTP ${response.status}`)
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
