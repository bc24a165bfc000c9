import { openingKind } from '../../protocol/clip.ts'
import { gapKind } from '../../protocol/messages.ts'
import { sealBytes, sealJws } from '../../protocol/sealed.ts'
import { makeStatement } from '../../protocol/statement.ts'
import { newPerson, newSigner } from '../support/people.ts'
import { mirrored } from './forge.ts'
import type { SealedVector } from './format.ts'

/** Sealed statements, as a member opens them who is sealed to in both suites. */
export async function sealedVectors(): Promise<readonly SealedVector[]> {
  const [anna, ben] = [await newPerson('hybrid'), await newPerson('hybrid')]
  const [device, twin] = [newSigner(), newSigner()]
  const [x25519, hybrid] = [[anna.recipients.x25519], [anna.recipients.hybrid ?? '']]
  const payload = {
    ...{ audience: 'household', householdId: twin.id, deviceId: device.id, epoch: 1, roster: 1, counter: 1 },
    ...{ boot: 'a'.repeat(26), at: '2026-11-24T12:00:00.000Z', from: 3, to: 5, cause: 'power' },
  } as const
  const jws = await makeStatement(gapKind, payload, device)
  const { boot, at, from, to, cause, ...envelope } = payload
  const opening = await makeStatement(
    openingKind,
    { ...envelope, clipId: 'a'.repeat(26), startedAt: at, clockSure: true, audio: true, trigger: 'face' },
    device,
  )
  const sealed = await sealJws(jws, x25519)
  const headerEnd = Buffer.from(sealed).indexOf('\n---')
  const flip = (index: number) => {
    const changed = Uint8Array.from(sealed)
    changed[index] = (changed[index] ?? 0) ^ 1
    return changed
  }
  const inside = (text: string) => sealBytes(Buffer.from(text), x25519)
  const cases: readonly (readonly [string, Uint8Array, unknown])[] = [
    ['for X25519', sealed, payload],
    ['for hybrid', await sealJws(jws, hybrid), payload],
    ['for two members', await sealJws(jws, [ben.recipients.x25519, ...x25519]), payload],
    ['not padded', await inside(jws), payload],
    ['the other signature that holds', await sealJws(mirrored(jws), x25519), payload],
    ['for somebody else', await sealJws(jws, [ben.recipients.x25519]), 'seal.closed'],
    ['for somebody else, hybrid', await sealJws(jws, [ben.recipients.hybrid ?? '']), 'seal.closed'],
    ['a bit of the content changed', flip(sealed.length - 100), 'seal.damaged'],
    ['a bit of the last tag changed', flip(sealed.length - 1), 'seal.damaged'],
    ['a bit of the header’s code changed', flip(headerEnd + 8), 'seal.damaged'],
    ['cut short', sealed.slice(0, -1), 'seal.damaged'],
    ['cut in the header', sealed.slice(0, headerEnd), 'seal.damaged'],
    ['a byte too many', Buffer.concat([sealed, Buffer.from('x')]), 'seal.damaged'],
    ['not sealed', Buffer.from(jws), 'seal.damaged'],
    ['nothing', Buffer.alloc(0), 'seal.damaged'],
    ['sealed but not signed', await inside(JSON.stringify(payload)), 'statement.kind'],
    ['sealed and empty', await inside(' '.repeat(2048)), 'statement.kind'],
    [
      'signed by another device',
      await sealJws(await makeStatement(gapKind, payload, twin), x25519),
      'statement.signer',
    ],
    [
      'signed by the member',
      await sealJws(await makeStatement(gapKind, payload, anna.signer), x25519),
      'statement.signer',
    ],
    ['another kind', await sealJws(opening, x25519), 'statement.kind'],
    ['padded with line ends', await inside(`${jws}\n\n`), 'statement.kind'],
    ['padded before it', await inside(`  ${jws}`), 'statement.kind'],
    ['two statements', await inside(`${jws} ${jws}`), 'statement.kind'],
  ]
  return cases.map(([name, bytes, expect]) => ({
    name,
    typ: gapKind.typ,
    identities: anna.identities,
    signedBy: device.id,
    sealed: Buffer.from(bytes).toString('base64'),
    expect,
  }))
}
