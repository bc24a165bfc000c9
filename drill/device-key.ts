import { randomBytes } from 'node:crypto'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { fileKeyStore } from '../hardware/key-store.ts'
import type { Household } from '../home/household.ts'
import { claimKind, halfHmac, halfKind } from '../protocol/claim.ts'
import { codeOf } from '../protocol/errors.ts'
import { base32 } from '../protocol/ids.ts'
import type { Signer } from '../protocol/keys.ts'
import { makeStatement } from '../protocol/statement.ts'
import { disk } from '../storage/disk.ts'

import type { Camera } from './camera.ts'
import type { Home } from './home.ts'

const newNonce = (): string => base32(randomBytes(16))

/** The key on a camera's card: who has the card has it. */
export function keyOnCard(camera: Camera): Promise<Signer> {
  return fileKeyStore(disk, camera.options.folder).signer()
}

/** Asks for a certificate with the key on the card, for this household and epoch; what becomes of it. */
export async function enrolAsDevice(
  camera: Camera,
  { household, epoch }: { household: Household; epoch: number },
): Promise<string> {
  const signer = await keyOnCard(camera)
  const role = { kind: 'device', epoch, counter: 1_000_000, boot: newNonce() } as const
  return household.hub.enrol({ commonName: signer.id, householdId: household.id, role, signer }).then(
    () => 'given',
    error => codeOf(error) ?? String(error),
  )
}

/** A claim by each of these homes, for the same camera and the same epoch, over halves that the camera's own key signed. */
export async function halvesFor<H extends Pick<Home, 'id' | 'root' | 'household'>>(
  camera: Camera,
  homes: readonly H[],
): Promise<readonly { home: H; claim: string }[]> {
  const signer = await keyOnCard(camera)
  const x25519 = await identityToRecipient(await generateX25519Identity())
  const recipients = { x25519, hybrid: null }
  return Promise.all(
    homes.map(async home => {
      const { epoch: registrarEpoch } = await home.household.hub.nonce(signer.id)
      const epoch = registrarEpoch + 1
      const about = { householdId: home.id, rootId: home.root.id, epoch, registrarEpoch }
      const half = { deviceId: signer.id, recipients, nonce: newNonce() }
      const hmac = halfHmac(randomBytes(16), half, about)
      const signed = await makeStatement(halfKind, { ...half, invited: { ...about, hmac } }, signer)
      const claim = await makeStatement(
        claimKind,
        {
          householdId: home.id,
          deviceId: signer.id,
          epoch,
          half: signed,
          hub: home.household.hub.address,
          issuedAt: new Date().toISOString(),
        },
        home.root,
      )
      return { home, claim }
    }),
  )
}
