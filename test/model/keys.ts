import { generateHybridIdentity, generateX25519Identity, identityToRecipient } from 'age-encryption'
import type { AgeIdentities } from '../../hardware/hardware.ts'
import { makePrivateKey, type Signer, signerOf } from '../../protocol/keys.ts'
import { makeTlsRequest, type TlsRequest } from '../../wire/tls.ts'

/** Somebody's keys: one to sign with, one to open with. */
export interface Keys {
  readonly signer: Signer
  /** X25519, secret. */
  readonly identity: string
  readonly recipient: string
  /** Hybrid, secret. */
  readonly hybrid: string
}

const made: Promise<Keys>[] = []
const requests = new Map<string, Promise<TlsRequest>>()

/**
 * Keys are made once in a process and used again in every walk: what they are decides nothing, and they cost more than all
 * else. A walk takes them in order, so that the same walk has the same keys.
 */
export class KeyRing {
  #next = 0

  async take(): Promise<Keys> {
    const index = this.#next++
    made[index] ??= make()
    return made[index]
  }

  async signer(): Promise<Signer> {
    return (await this.take()).signer
  }
}

async function make(): Promise<Keys> {
  const identity = await generateX25519Identity()
  return {
    signer: signerOf(makePrivateKey()),
    identity,
    recipient: await identityToRecipient(identity),
    hybrid: await generateHybridIdentity(),
  }
}

/** A TLS key and its request; another one for each `variant`. */
export async function tlsRequest(commonName: string, variant: number): Promise<TlsRequest> {
  const key = `${commonName} ${variant}`
  const request = requests.get(key) ?? makeTlsRequest(commonName)
  requests.set(key, request)
  return request
}

/** The identities that a device's key store holds; nothing is sealed to the hybrid one here. */
export const ageIdentities = ({ identity, hybrid }: Keys): AgeIdentities => ({ x25519: identity, hybrid })
