import { randomBytes } from 'node:crypto'
import { runningHashKind } from '../../protocol/clip.ts'
import { hex, sha256 } from '../../protocol/ids.ts'
import type { Signer } from '../../protocol/keys.ts'
import { readPart, writePart } from '../../protocol/part.ts'
import { sealStatement } from '../../protocol/sealed.ts'
import { statementHash } from '../../protocol/statement.ts'
import { newPerson, newSigner, type Person, TestHousehold } from '../support/people.ts'
import { refusedClips } from './clips-refused.ts'
import type { ClipVector, ClipVectors } from './format.ts'
import { media, type Parts, type Recording, record } from './record.ts'

/** A clip vector but for where its parts are kept. */
export type AddClip = (
  name: string,
  parts: Parts,
  expect: ClipVector['expect'],
  changed?: Partial<Pick<ClipVector, 'epoch' | 'deviceId' | 'clipId' | 'after'>>,
) => void

export interface Scene {
  readonly home: TestHousehold
  readonly member: Person
  readonly device: Person
  readonly recipients: readonly string[]
  readonly envelope: {
    readonly audience: 'household'
    readonly householdId: string
    readonly deviceId: string
    readonly epoch: number
    readonly roster: number
  }
  readonly first: Recording
  readonly second: Recording
}

/** One household, one camera, three clips, and everything that may befall them. */
export async function clipVectors(): Promise<ClipVectors> {
  const home = new TestHousehold()
  const [member, old] = [await newPerson('hybrid'), await newPerson('x25519')]
  const device = await newPerson('x25519')
  const rosters = [await home.roster(1, null, [member, old])]
  rosters.push(await home.roster(2, statementHash(rosters[0] ?? ''), [member]))
  const claimIn = async (epoch: number) =>
    home.claim(device, await home.half(device, randomBytes(16), epoch), epoch)
  // It was repaired, then was somebody else's for one epoch, and came back.
  const claims = await Promise.all([1, 2, 4].map(claimIn))

  const short = media(0.5, 40)
  const long = media(1, 640)
  const line = { householdId: home.id, deviceId: device.signer.id, epoch: 1 }
  const envelope = { audience: 'household', ...line, roster: 1 } as const
  const recipients = [member.recipients.x25519, old.recipients.x25519]
  const common = { signer: device.signer, recipients, envelope }
  const first = inSmallParts(await record({ ...common, ...short, counter: 1, previous: null }))
  const second = await record({
    ...{ ...common, ...short, counter: 2, previous: first.previous },
    ...{ recipients: [member.recipients.hybrid ?? ''], envelope: { ...envelope, roster: 2 } },
  })
  const third = await record({ ...common, ...long, counter: 3, previous: second.previous })
  const silent = await record({
    ...common,
    ...short,
    picture: undefined,
    counter: 4,
    previous: third.previous,
  })

  const blobs: Record<string, string> = {}
  const clips: ClipVector[] = []
  const add: AddClip = (name, parts, expect, changed = {}) => {
    const named: Record<string, string> = {}
    for (const [part, message] of Object.entries(parts)) {
      const id = hex(sha256(message))
      blobs[id] = Buffer.from(message).toString('base64')
      named[part] = id
    }
    const where = { epoch: 1, deviceId: device.signer.id, clipId: first.clipId }
    clips.push({ name, ...where, parts: named, after: [], expect, ...changed })
  }
  const hashes = ({ video, picture }: { video: Buffer; picture: Buffer }) =>
    ({ video: hex(sha256(video)), thumbnail: hex(sha256(picture)), cutShort: false }) as const
  add('whole', first.parts, hashes(short))
  add('the next one, hybrid', second.parts, hashes(short), { clipId: second.clipId, after: ['whole'] })
  add('sent after the camera was repaired', first.parts, hashes(short), { epoch: 2 })
  add('opened again', first.parts, hashes(short), { after: ['whole', 'the next one, hybrid'] })
  add('a long one', third.parts, hashes(long), { clipId: third.clipId })
  add('without a picture', silent.parts, { ...hashes(short), thumbnail: null }, { clipId: silent.clipId })
  const scene = { home, member, device, recipients, envelope, first, second }
  await cutShort(add, scene, third, hashes(long))
  await refusedClips(add, scene)
  const { id: householdId } = home
  return {
    ...{ householdId, rootId: home.root.id, roster: rosters[1] ?? '', claims },
    ...{ identities: member.identities, blobs, clips },
  }
}

/** Parts may be of any size: here the video is cut into three. */
function inSmallParts({ parts, ...rest }: Recording): Recording {
  const { payload } = readPart(parts[0] as Uint8Array)
  const end = readPart(parts.end as Uint8Array)
  const third = Math.ceil(payload.length / 3)
  const video = [0, 1, 2].map(index =>
    writePart('video', payload.subarray(index * third, (index + 1) * third)),
  )
  const counts = { video: 3, hashes: 0, thumb: 1 }
  return {
    ...rest,
    parts: { ...parts, ...Object.fromEntries(video.entries()), end: writePart('end', end.payload, counts) },
  }
}

/** Power, or a thief, took the rest. */
async function cutShort(
  add: AddClip,
  { device, recipients, envelope, first }: Scene,
  { clipId, parts }: Recording,
  whole: { video: string; thumbnail: string; cutShort: boolean },
): Promise<void> {
  const { open, h0 } = parts as Record<string, Uint8Array>
  const [video, rest] = [parts[0] as Uint8Array, parts[1] as Uint8Array]
  const { payload } = readPart(video)
  // How far it opens is filled in when it was opened (make.ts).
  const beginning = { ...whole, video: '', thumbnail: null, cutShort: true }
  const hash = async (changed: object, signer: Signer = device.signer): Promise<Uint8Array> => {
    const proof = { index: 0, offset: payload.length, sha256: hex(sha256(payload)) }
    const statement = { ...envelope, counter: 3, clipId, ...proof, ...changed }
    return writePart('hash', await sealStatement(runningHashKind, statement, signer, recipients))
  }
  const cut = { open, 0: video } as Parts
  const place = { clipId }
  add('cut short', { ...cut, h0 } as Parts, beginning, place)
  add('cut short, the next bytes there but not proven', { ...cut, h0, 1: rest } as Parts, beginning, place)
  add(
    'cut short, the bytes that are not proven changed',
    { ...cut, h0, 1: first.parts[1] } as Parts,
    beginning,
    place,
  )
  add(
    'cut short, and a false running hash more',
    { ...cut, h0, h1: await hash({ index: 1, sha256: '0'.repeat(64) }) } as Parts,
    beginning,
    place,
  )
  add('cut short before a running hash', cut, 'clip.unproven', place)
  add('cut short before any video', { open } as Parts, 'clip.unproven', place)
  add('cut short, other bytes', { ...cut, h0, 0: first.parts[0] } as Parts, 'clip.unproven', place)
  const unproven: Readonly<Record<string, Uint8Array>> = {
    'of other bytes': await hash({ sha256: '0'.repeat(64) }),
    'of more bytes than there are': await hash({ offset: payload.length + 1 }),
    'not behind a whole chunk': await hash({ offset: 1000, sha256: hex(sha256(payload.subarray(0, 1000))) }),
    'by another device': await hash({}, newSigner()),
    'of another clip': await hash({ clipId: first.clipId }),
    'of another number': await hash({ counter: 1 }),
    'of another epoch': await hash({ epoch: 2 }),
    'whose index is not its name’s': await hash({ index: 1 }),
  }
  for (const [what, message] of Object.entries(unproven))
    add(`cut short, its running hash ${what}`, { ...cut, h0: message }, 'clip.unproven', place)
}
