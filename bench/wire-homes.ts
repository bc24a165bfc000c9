import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { foundAt } from '../demo/found-at.ts'
import type { Hub } from '../deploy/hub/hub.ts'
import type { Household } from '../home/household.ts'
import { claimKind, halfHmac, halfKind } from '../protocol/claim.ts'
import { base32 } from '../protocol/ids.ts'
import { makePrivateKey, privateKeyToPem, type Signer, signerOf } from '../protocol/keys.ts'
import { blockKind } from '../protocol/ownership.ts'
import { sealsTo } from '../protocol/roster.ts'
import { makeStatement } from '../protocol/statement.ts'

const EPOCH = 1

/** All that a wire client needs to be a camera; it travels to another process. */
export interface WireCamera {
  readonly deviceId: string
  readonly householdId: string
  readonly epoch: number
  /** PKCS#8 PEM. */
  readonly key: string
  /** age recipients of its household. */
  readonly recipients: readonly string[]
}

/** A household with a root that is at hand, and its cameras, which exist on the wire only. */
export interface WireHome {
  readonly cameras: readonly WireCamera[]
  /** Orders that these cameras are blocked, or no more; returns when the hub has answered. */
  order(cameras: readonly WireCamera[], blocked: boolean): Promise<void>
}

/**
 * Registers a household with so many cameras at the hub: roster, halves and claims as they travel when people pair. Its seals are
 * X25519's, which cost a thousand clients on one machine less than a camera's own processor would spend on hybrid ones.
 */
export async function settleHome(hub: Hub, folder: string, name: string, cameras: number): Promise<WireHome> {
  const { household, passphrase } = await foundAt(hub, join(folder, name), { name, suite: 'x25519' })
  const root = await household.unlockRoot(passphrase)
  const { recipients } = sealsTo(household.roster)
  const keys = Array.from({ length: cameras }, () => makePrivateKey())
  for (const key of keys) await claim(household, root, signerOf(key))
  let number = 0
  return {
    cameras: keys.map(key => ({
      ...{ deviceId: signerOf(key).id, householdId: household.id, epoch: EPOCH },
      ...{ key: privateKeyToPem(key), recipients },
    })),
    async order(named, blocked) {
      const devices = named.map(({ deviceId, epoch }) => ({ deviceId, epoch }))
      const issuedAt = new Date().toISOString()
      const payload = { householdId: household.id, number: ++number, devices, blocked, issuedAt }
      const block = await makeStatement(blockKind, payload, root)
      await household.hub.request(household.id, { action: 'block', block }, root)
    },
  }
}

async function claim(household: Household, root: Signer, camera: Signer): Promise<void> {
  const { id: householdId, hub } = household
  const x25519 = await identityToRecipient(await generateX25519Identity())
  const half = {
    ...{ deviceId: camera.id, recipients: { x25519, hybrid: null } },
    nonce: base32(randomBytes(16)),
  }
  const about = { householdId, rootId: root.id, epoch: EPOCH, registrarEpoch: EPOCH - 1 }
  const invited = { ...about, hmac: halfHmac(randomBytes(16), half, about) }
  const payload = {
    ...{ householdId, deviceId: camera.id, epoch: EPOCH },
    half: await makeStatement(halfKind, { ...half, invited }, camera),
    ...{ hub: hub.address, issuedAt: new Date().toISOString() },
  }
  const signed = await makeStatement(claimKind, payload, root)
  await hub.request(householdId, { action: 'claim', claim: signed }, root)
}
