import { randomBytes } from 'node:crypto'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { claimKind, halfHmac, halfKind } from '../protocol/claim.ts'
import { base32 } from '../protocol/ids.ts'
import { makePrivateKey, type Signer, signerOf } from '../protocol/keys.ts'
import { rosterKind } from '../protocol/roster.ts'
import { makeStatement, readStatement } from '../protocol/statement.ts'
import { refusalOf } from './acts.ts'
import type { Home } from './home.ts'

/** What is known of the victim: ids, no key. */
interface Victim {
  readonly householdId: string
  readonly deviceId: string
}

/** One attempt to register what is registered already; `outcome` is the refusal, undefined when it was taken. */
export interface Forgery {
  readonly what: string
  readonly outcome: string | undefined
}

/**
 * A home registers another home's ids anew, as its own.
 *
 * @param code a registration code of the hub that nobody has used.
 */
export async function forgeries(home: Home, victim: Victim & { code: string }): Promise<readonly Forgery[]> {
  const { hub, roster } = home.household
  const { householdId, deviceId, code } = victim
  const own = await readStatement(rosterKind, roster.jws, home.root.id)
  const renamed = await makeStatement(rosterKind, { ...own.payload, householdId }, home.root)
  const camera = signerOf(makePrivateKey())
  const claims = {
    'claims the camera with a half that its own camera signed': await claim(
      home,
      camera,
      deviceId,
      camera.id,
    ),
    'claims the camera with a half in the camera’s name': await claim(home, camera, deviceId, deviceId),
  }
  const role = { kind: 'device', epoch: 1, counter: 1_000_000, boot: base32(randomBytes(16)) } as const
  // Each is begun when its turn comes: a refusal that comes while another is awaited would have nobody to hear it.
  const tries: [string, () => Promise<unknown>][] = [
    [
      'registers the household’s id with a roster of its own',
      () =>
        hub.request(householdId, { action: 'household', code, roster: renamed, successions: [] }, home.root),
    ],
    [
      'publishes a newer roster for the household',
      () => hub.request(householdId, { action: 'roster', roster: renamed, successions: [] }, home.root),
    ],
    ...Object.entries(claims).map(([what, text]): [string, () => Promise<unknown>] => [
      what,
      () => hub.request(home.id, { action: 'claim', claim: text }, home.root),
    ]),
    [
      'asks for the camera’s certificate with a key of its own',
      () => hub.enrol({ commonName: deviceId, householdId, role, signer: camera }),
    ],
    [
      'asks for a certificate as a member of the household',
      () =>
        hub.enrol({
          commonName: `${home.household.member.id}.${base32(randomBytes(5))}`,
          householdId,
          role: { kind: 'member' },
          signer: home.household.member,
        }),
    ],
  ]
  const found: Forgery[] = []
  for (const [what, work] of tries) found.push({ what, outcome: await refusalOf(home, work()) })
  return found
}

/** A claim by this home for somebody else's camera, over a half that this signer made and that names this device. */
async function claim(home: Home, signer: Signer, deviceId: string, halfDeviceId: string): Promise<string> {
  const x25519 = await identityToRecipient(await generateX25519Identity())
  const half = {
    deviceId: halfDeviceId,
    recipients: { x25519, hybrid: null },
    nonce: base32(randomBytes(16)),
  }
  const about = { householdId: home.id, rootId: home.root.id, epoch: 2, registrarEpoch: 1 }
  const hmac = halfHmac(randomBytes(16), half, about)
  const payload = {
    householdId: home.id,
    deviceId,
    epoch: 2,
    half: await makeStatement(halfKind, { ...half, invited: { ...about, hmac } }, signer),
    hub: home.household.hub.address,
    issuedAt: new Date().toISOString(),
  }
  return makeStatement(claimKind, payload, home.root)
}
