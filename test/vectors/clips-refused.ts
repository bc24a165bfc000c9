import { type Manifest, manifestKind, type Opening, openingKind } from '../../protocol/clip.ts'
import { gapKind } from '../../protocol/messages.ts'
import { type PartCounts, readPart, writePart } from '../../protocol/part.ts'
import { openStatement, sealBytes, sealStatement } from '../../protocol/sealed.ts'
import { makeStatement } from '../../protocol/statement.ts'
import { newPerson, newSigner, TestHousehold } from '../support/people.ts'
import type { AddClip, Scene } from './clips.ts'
import type { Parts } from './record.ts'

/** Clips that an app must not open, and why. */
export async function refusedClips(add: AddClip, scene: Scene): Promise<void> {
  await damaged(add, scene)
  misplaced(add, scene)
  await forged(add, scene)
  await replayed(add, scene)
}

/** Bytes changed or lost; the frame is the store's, and is put right where it says so. */
async function damaged(add: AddClip, { first: { parts }, second }: Scene): Promise<void> {
  const message = (name: string) => parts[name] as Uint8Array
  for (const name of ['open', '0', 'thumb', 'end']) {
    const { kind, payload, parts: counts } = readPart(message(name))
    const flip = (index: number, bytes: Uint8Array) => {
      const changed = Uint8Array.from(bytes)
      changed[index] = (changed[index] ?? 0) ^ 1
      return changed
    }
    const reframed = (changed: Uint8Array) => ({ ...parts, [name]: writePart(kind, changed, counts) })
    const sealed = name === 'open' || name === 'end'
    const code = sealed ? 'seal.damaged' : 'clip.hash'
    const at = payload.length - 20
    add(
      `a bit of ${name} changed`,
      { ...parts, [name]: flip(message(name).length - 20, message(name)) },
      'part.hash',
    )
    add(`a bit of ${name} changed, its frame made anew`, reframed(flip(at, payload)), code)
    add(`${name} cut short`, { ...parts, [name]: message(name).slice(0, -5) }, 'part.frame')
    add(`${name} cut short, its frame made anew`, reframed(payload.slice(0, -5)), code)
    add(`${name} of no bytes`, { ...parts, [name]: new Uint8Array() }, 'part.frame')
  }
  add('a part is missing', without(parts, '1'), 'clip.incomplete')
  add('the last part of the video is missing', without(parts, '2'), 'clip.incomplete')
  add('the picture is missing', without(parts, 'thumb'), 'clip.incomplete')
  add('no opening', without(parts, 'open'), 'clip.frames')
  add('nothing but the end', { end: message('end') }, 'clip.frames')
  const { payload } = readPart(message('end'))
  const counted = (counts: PartCounts) => ({ ...parts, end: writePart('end', payload, counts) })
  add('the end counts a part too few', counted({ video: 2, hashes: 0, thumb: 1 }), 'clip.hash')
  add('the end counts a part too many', counted({ video: 4, hashes: 0, thumb: 1 }), 'clip.incomplete')
  add(
    'the end counts a running hash that never was',
    counted({ video: 3, hashes: 1, thumb: 1 }),
    'clip.incomplete',
  )
  add('the end counts no picture', counted({ video: 3, hashes: 0, thumb: 0 }), 'clip.frames')
  const more = { ...counted({ video: 4, hashes: 0, thumb: 1 }), 3: second.parts[0] as Uint8Array }
  add('a part behind the video’s end', more, 'clip.hash')
}

/** True parts in a wrong place. */
function misplaced(add: AddClip, { first: { parts }, second }: Scene): void {
  const foreign = (name: string) => second.parts[name] as Uint8Array
  const own = (name: string) => parts[name] as Uint8Array
  add('parts in another order', { ...parts, 0: own('1'), 1: own('0') }, 'clip.hash')
  add('a part twice', { ...parts, 1: own('0') }, 'clip.hash')
  add('video in the picture’s place', { ...parts, thumb: own('0') }, 'clip.frames')
  add('the picture in the video’s place', { ...parts, 0: own('thumb') }, 'clip.frames')
  add('the opening in the end’s place', { ...parts, end: own('open') }, 'clip.frames')
  add(
    'the opening’s seal in the end',
    { ...parts, end: writePart('end', readPart(own('open')).payload, readPart(own('end')).parts) },
    'statement.kind',
  )
  add('video of another clip', { ...parts, 0: foreign('0') }, 'clip.hash')
  add('the picture of another clip', { ...parts, thumb: foreign('thumb') }, 'clip.hash')
  add('the opening of another clip', { ...parts, open: foreign('open') }, 'clip.envelope')
  add('the end of another clip', { ...parts, end: foreign('end') }, 'clip.envelope')
  add('under another id', parts, 'clip.envelope', { clipId: second.clipId })
  add('in an epoch without a claim', parts, 'clip.claim', { epoch: 3 })
  add('in an epoch that never was', parts, 'clip.claim', { epoch: 5 })
  add('of a device without a claim', parts, 'clip.claim', { deviceId: newSigner().id })
}

/** Sealed anew: by others, to others, or by the camera itself with a lie in it. */
async function forged(add: AddClip, scene: Scene): Promise<void> {
  const { first, device, member, recipients, envelope } = scene
  const rewritten = rewriter(scene)
  const twin = await newPerson('x25519')
  const both = (changed: object, by: Parameters<typeof rewritten>[2] = {}) => rewritten(changed, changed, by)
  add('signed anew by another device', await both({}, { signer: twin.signer }), 'statement.signer')
  add('signed anew by a member', await both({}, { signer: member.signer }), 'statement.signer')
  add('signed anew by the root', await both({}, { signer: scene.home.root }), 'statement.signer')
  add('sealed to somebody else', await both({}, { recipients: [twin.recipients.x25519] }), 'seal.closed')
  add('it says another household', await both({ householdId: new TestHousehold().id }), 'clip.envelope')
  add('it says another device', await both({ deviceId: twin.signer.id }), 'clip.envelope')
  add('it says another epoch', await both({ epoch: 2 }), 'clip.envelope')
  add('it says an epoch without a claim', await both({ epoch: 3 }), 'clip.claim', { epoch: 4 })
  add('its end says a later epoch', await rewritten({}, { epoch: 2 }), 'clip.envelope', { epoch: 2 })
  const differing = { counter: 7, roster: 2, startedAt: '2026-11-24T13:00:00.000Z', audio: false }
  for (const [field, value] of Object.entries(differing))
    add(`opening and end differ in ${field}`, await rewritten({}, { [field]: value }), 'clip.envelope')
  const other = { bytes: 1, sha256: 'f'.repeat(64) }
  const { video, thumbnail } = await manifestOf(scene)
  const lies = {
    'hash of the sealed video': { video: { ...video, sealed: { ...video.sealed, sha256: other.sha256 } } },
    'size of the sealed video': { video: { ...video, sealed: { ...video.sealed, bytes: 1 } } },
    'hash of the video': { video: { ...video, plain: { ...video.plain, sha256: other.sha256 } } },
    'size of the video': { video: { ...video, plain: { ...video.plain, bytes: 1 } } },
    'hash of the sealed picture': { thumbnail: { ...thumbnail, sealed: other } },
    'hash of the picture': {
      thumbnail: thumbnail && { ...thumbnail, plain: { ...thumbnail.plain, sha256: other.sha256 } },
    },
    'size of the picture': {
      thumbnail: thumbnail && { ...thumbnail, plain: { ...thumbnail.plain, bytes: 1 } },
    },
  }
  for (const [what, changed] of Object.entries(lies))
    add(`the end lies about the ${what}`, await rewritten({}, changed), 'clip.hash')
  add('the end says that there is no picture', await rewritten({}, { thumbnail: null }), 'clip.frames')
  const plain = await makeStatement(openingKind, (await openingOf(scene)).payload, device.signer)
  add(
    'an opening that is signed, not sealed',
    { ...first.parts, open: writePart('open', Buffer.from(plain)) },
    'seal.damaged',
  )
  const unsigned = await sealBytes(Buffer.from('{}'), recipients)
  add(
    'an opening that is sealed, not signed',
    { ...first.parts, open: writePart('open', unsigned) },
    'statement.kind',
  )
  const gap = {
    ...envelope,
    counter: 1,
    boot: 'a'.repeat(26),
    at: '2026-11-24T12:00:00.000Z',
    from: 1,
    to: 1,
  }
  const notice = await sealStatement(gapKind, { ...gap, cause: 'disk' }, device.signer, recipients)
  add(
    'a gap notice in the opening’s place',
    { ...first.parts, open: writePart('open', notice) },
    'statement.kind',
  )
}

/** What the app has opened before says that this cannot be. */
async function replayed(add: AddClip, scene: Scene): Promise<void> {
  const { first, second } = scene
  const rewritten = rewriter(scene)
  const both = (changed: object) => rewritten(changed, changed)
  const again = { after: ['whole'] }
  const later = { after: ['whole', 'the next one, hybrid'] }
  const elsewhere = { clipId: second.clipId }
  add('another clip of the same number', await both(elsewhere), 'clip.counter', { ...elsewhere, ...again })
  add('another end of the same clip', await rewritten({}, { durationMs: 3000 }), 'clip.counter', again)
  const previous = { counter: 1, sha256: 'f'.repeat(64) }
  add('it names another clip before it', await both({ counter: 3, previous }), 'clip.chain', again)
  const future = { counter: 2, sha256: second.previous.sha256 }
  add('the clip before it bears a later number', await both({ previous: future }), 'clip.chain')
  const itself = { counter: 1, sha256: first.previous.sha256 }
  add('the clip before it bears its own number', await both({ previous: itself }), 'clip.chain')
  add('not the one that the next one names', await rewritten({}, { durationMs: 3000 }), 'clip.chain', {
    after: ['the next one, hybrid'],
  })
  add('a number that was borne before', await both({ counter: 2 }), 'clip.counter', later)
}

const without = (parts: Parts, ...names: string[]): Parts =>
  Object.fromEntries(Object.entries(parts).filter(([name]) => !names.includes(name)))

const openingOf = ({ first, member, device }: Scene) =>
  openStatement<Opening>(
    openingKind,
    readPart(first.parts.open as Uint8Array).payload,
    member.identities,
    device.signer.id,
  )

const manifestOf = async ({ first, member, device }: Scene): Promise<Manifest> =>
  (
    await openStatement<Manifest>(
      manifestKind,
      readPart(first.parts.end as Uint8Array).payload,
      member.identities,
      device.signer.id,
    )
  ).payload

/** Opening and manifest of the first clip with other fields, another signer or other recipients; the files stay. */
function rewriter(scene: Scene) {
  const { first, device, recipients: own } = scene
  return async (
    inOpening: object,
    inManifest: object,
    {
      signer = device.signer,
      recipients = own,
    }: Partial<{ signer: Scene['device']['signer']; recipients: readonly string[] }> = {},
  ): Promise<Parts> => {
    const anew = signer !== device.signer || recipients !== own
    const opening = (await openingOf(scene)).payload
    const changed = Object.entries(inOpening).filter(([field]) => Object.hasOwn(opening, field))
    const { open, end } = first.parts as { open: Uint8Array; end: Uint8Array }
    const resealed = async () => {
      const statement = { ...opening, ...Object.fromEntries(changed) }
      return writePart('open', await sealStatement(openingKind, statement, signer, recipients))
    }
    const manifest = { ...(await manifestOf(scene)), ...inManifest }
    const sealed = await sealStatement(manifestKind, manifest, signer, recipients)
    return {
      ...first.parts,
      open: anew || changed.length > 0 ? await resealed() : open,
      end: writePart('end', sealed, readPart(end).parts),
    }
  }
}
