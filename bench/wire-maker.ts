import { join } from 'node:path'
import { signOrder, signSecond } from '../deploy/factory/block-order.ts'
import { RootFolder } from '../deploy/factory/root.ts'
import { makePrivateKey, type Signer, signerOf } from '../protocol/keys.ts'
import type { MakerRoot } from '../protocol/maker-chain.ts'
import { makerKeyKinds } from '../protocol/maker-keys.ts'
import { makeStatement } from '../protocol/statement.ts'
import { disk } from '../storage/disk.ts'
import { type HubAddress, HubClient } from '../wire/hub-client.ts'

const PASSPHRASE = 'of a maker for a measurement'

/** A maker with two signers, who together may block as many cameras as they like. */
export interface WireMaker {
  readonly root: MakerRoot
  /** Tells the hub of both signers. */
  announce(hub: HubAddress): Promise<void>
  /** One order for all of these, by both signers; returns when the hub has answered. */
  block(hub: HubAddress, devices: readonly string[]): Promise<void>
}

export async function foundMaker(folder: string): Promise<WireMaker> {
  const kept = new RootFolder(disk, join(folder, 'maker'))
  const now = new Date()
  const root = await kept.create({ name: 'Maker', passphrase: PASSPHRASE, now, workFactor: 10 })
  const rootSigner = signerOf((await kept.unlock(PASSPHRASE, now)).key)
  const [first, second] = [signerOf(makePrivateKey()), signerOf(makePrivateKey())]
  const word = (signer: Signer, number: number) => {
    const about = { keyId: signer.id, name: `Signer ${number}`, number, active: true }
    return makeStatement(makerKeyKinds.signer, { ...about, issuedAt: now.toISOString() }, rootSigner)
  }
  return {
    root,
    async announce(address) {
      const hub = new HubClient(address)
      for (const [index, signer] of [first, second].entries())
        await hub.request(null, { action: 'signer', signer: await word(signer, index + 1) }, rootSigner)
    },
    async block(address, devices) {
      const block = await signOrder({ devices, blocked: true, reason: '' }, first, new Date())
      const confirmed = await signSecond(block, second)
      await new HubClient(address).request(null, { action: 'maker-block', block, second: confirmed }, first)
    },
  }
}
