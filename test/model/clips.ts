import { randomBytes } from 'node:crypto'
import type { Membership } from '../../agent/household.ts'
import { seal } from '../../agent/seal.ts'
import { checkHead } from '../../home/clip-check.ts'
import type { SealedClip } from '../../home/clip-source.ts'
import { type Opening, openingKind } from '../../protocol/clip.ts'
import { OwnlensError } from '../../protocol/errors.ts'
import { base32 } from '../../protocol/ids.ts'
import type { Signer } from '../../protocol/keys.ts'
import { readPart, writePart } from '../../protocol/part.ts'
import { openBytes, sealStatement } from '../../protocol/sealed.ts'
import type { Camera } from './camera.ts'
import { must } from './facts.ts'
import type { Home, Person } from './home.ts'
import type { World } from './world.ts'

/** Every so often a recording is tried with everybody's keys; the others are judged by whom they are sealed to. */
const TRIED_EVERY = 4
/** And so often it is a whole clip and not only its opening. */
const WHOLE_EVERY = 8

/** The camera records: what `agent/seal.ts` makes of it, and who can open that. */
export async function record(camera: Camera): Promise<string> {
  const { world, household, sequence, keys } = camera
  if (household === undefined || sequence === undefined) return 'not paired'
  const counter = await sequence.take()
  const member = sealedTo(world, household.membership())
  const { householdId, deviceId, epoch } = member.envelope
  const clipId = base32(randomBytes(16))
  const head = {
    ...{ clipId, counter, clockSure: true, audio: false, trigger: 'motion' as const },
    startedAt: new Date(world.now()),
  }
  const tail = async () => ({
    ...{ durationMs: 1000, triggers: ['motion' as const], end: 'event' as const, faces: [] },
    ...{ previous: null, thumbnail: undefined },
  })
  const video = (async function* () {
    yield randomBytes(64)
  })()
  const sealer = { member, signer: keys.signer, monotonic: world.now }
  const parts = new Map<string, Uint8Array>()
  const whole = world.clips.length % WHOLE_EVERY === 0
  for await (const { name, kind, payload, parts: counts } of seal(
    video,
    head,
    tail,
    sealer,
    async () => undefined,
  )) {
    parts.set(name, writePart(kind, payload, counts))
    if (!whole) break
  }
  const twin = world.facts.doubled.has(deviceId)
  const again = [...world.facts.clips.values()].some(
    clip => clip.deviceId === deviceId && clip.epoch === epoch && clip.counter === counter,
  )
  must(twin || !again, 'I3 a number is one clip’s', `${camera.name} used ${counter} twice`)
  world.facts.clips.set(clipId, { deviceId, householdId, epoch, counter })
  world.clips.push(clipOf({ deviceId, epoch, clipId }, parts))
  if (world.clips.length % TRIED_EVERY === 0) await tryKeys(camera, parts)
  return `clip ${counter}`
}

function sealedTo(world: World, member: Membership): Membership {
  if (!world.has('device seals to one more')) return member
  const other = world.attacker.persons[0]?.keys.recipient ?? ''
  return { ...member, recipients: [...member.recipients, other] }
}

/** Everybody tries to open it with all keys that they ever had. */
async function tryKeys(camera: Camera, parts: ReadonlyMap<string, Uint8Array>): Promise<void> {
  const named = (await camera.truth())?.recipients ?? []
  const { payload } = readPart(parts.get('open') ?? new Uint8Array())
  for (const person of camera.world.persons()) {
    const opens = await openBytes(
      payload,
      person.ages.map(({ identity }) => identity),
    ).then(
      () => true,
      () => false,
    )
    const may = person.ages.some(({ recipient }) => named.includes(recipient))
    must(
      opens === may,
      'I2 a clip opens for the roster’s members alone',
      `${person.name} ${opens ? 'opens' : 'does not open'} it`,
    )
  }
}

function clipOf(
  address: { deviceId: string; epoch: number; clipId: string },
  parts: ReadonlyMap<string, Uint8Array>,
): SealedClip {
  const bytes = [...parts.values()].reduce((sum, part) => sum + part.length, 0)
  return {
    ...address,
    parts: [...parts.keys()],
    bytes,
    read: async name => parts.get(name) ?? new Uint8Array(),
  }
}

/** The same bytes under another name. */
export function renamed(
  clip: SealedClip,
  address: Partial<Pick<SealedClip, 'deviceId' | 'epoch' | 'clipId'>>,
): SealedClip {
  return { ...clip, ...address }
}

/** An opening that the attacker signs, sealed to whom it likes. */
export async function forgedClip(
  signer: Signer,
  recipients: readonly string[],
  opening: Pick<Opening, 'householdId' | 'deviceId' | 'epoch' | 'roster' | 'counter' | 'clipId'>,
  address: { deviceId: string; epoch: number; clipId: string },
): Promise<SealedClip> {
  const payload = {
    ...opening,
    ...{ audience: 'household' as const, startedAt: new Date(0).toISOString() },
    ...{ clockSure: true, audio: false, trigger: 'face' as const },
  }
  const sealed = await sealStatement(openingKind, payload, signer, recipients)
  return clipOf(address, new Map([['open', writePart('open', sealed)]]))
}

/** A member's app is given a clip. What it takes is judged. */
export async function openAt(home: Home, person: Person, clip: SealedClip): Promise<string> {
  const { world, ledger } = home
  const identities = person.ages.map(({ identity }) => identity)
  const { opening, end } = await check(home, clip, identities)
  const line = { deviceId: opening.deviceId, epoch: opening.epoch }
  const chained = end === null ? undefined : { sha256: end.sha256, previous: end.manifest.previous }
  if (!world.has('app skips the clip’s number')) ledger.check(line, opening.counter, opening.clipId, chained)
  ledger.note(line, opening.counter, opening.clipId, chained)
  judgeOpened(home, opening)
  return 'opened'
}

async function check(
  home: Home,
  clip: SealedClip,
  identities: readonly string[],
): Promise<Awaited<ReturnType<typeof checkHead>>> {
  const { claims } = home
  if (!home.world.has('app skips the claim’s device')) return checkHead(clip, claims, identities, [])
  for (const { id: deviceId } of home.world.cameras)
    try {
      const others = claims.map(claim => ({ ...claim, deviceId }))
      return await checkHead({ ...clip, deviceId }, others, identities, [])
    } catch (error) {
      if (!(error instanceof OwnlensError)) throw error
    }
  throw new OwnlensError('statement.signer')
}

function judgeOpened(home: Home, opening: Opening): void {
  const { facts } = home.world
  const { clipId, deviceId, epoch, counter, householdId } = opening
  const truth = facts.clips.get(clipId)
  const same =
    truth?.deviceId === deviceId &&
    truth.epoch === epoch &&
    truth.counter === counter &&
    truth.householdId === householdId &&
    householdId === home.id
  must(same, 'I3 the app opens what its own cameras made', `a forged clip ${counter}`)
  const claimed = facts.claimed.has(`${home.id} ${deviceId} ${epoch}`)
  must(claimed, 'I3 the app opens under a claim of its root', `epoch ${epoch} was never claimed`)
  const key = `${home.id} ${deviceId} ${epoch} ${counter}`
  const before = home.numbers.get(key) ?? clipId
  must(before === clipId, 'I3 a number is one clip’s', `number ${counter} twice`)
  home.numbers.set(key, clipId)
}
