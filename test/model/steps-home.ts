import type { Claim } from '../../protocol/claim.ts'
import { blockKind, releaseKind } from '../../protocol/ownership.ts'
import { makeStatement } from '../../protocol/statement.ts'
import type { Camera } from './camera.ts'
import { openAt } from './clips.ts'
import { signedPart } from './facts.ts'
import type { Home, Invite } from './home.ts'
import type { Pick } from './pick.ts'
import type { Acts } from './steps.ts'
import { camera } from './steps-camera.ts'
import type { World } from './world.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const WAITS = [
  SECOND,
  10 * SECOND,
  30 * SECOND,
  3 * MINUTE,
  11 * MINUTE,
  3 * HOUR,
  25 * HOUR,
  73 * HOUR,
  15 * DAY,
]
const NOBODY = 'nobody there'

/** The first one oftenest: deep stories are of few. */
export function home({ homes }: World, pick: Pick): Home {
  const [first] = homes
  return pick.of([first, first, first, pick.of(homes)]) as Home
}

/** The code is held before this camera, and the person stays with it. */
export async function show(invite: Invite, camera: Camera): Promise<string> {
  const { facts } = camera.world
  invite.before = camera
  facts.seen.add(`${camera.id} ${invite.rootId}`)
  return camera.see(invite.code)
}

/** One of all homes' codes: seven of eight times one with which something can be done. */
function inviteOf(
  { homes }: World,
  pick: Pick,
  open: (invite: Invite) => boolean,
): readonly [Home, Invite | undefined] {
  const all = homes.flatMap(one => one.invites.map(invite => [one, invite] as const))
  const useful = all.filter(([, invite]) => !invite.over && open(invite))
  const chosen = pick.late(pick.upTo(7) === 0 || useful.length === 0 ? all : useful)
  return chosen ?? [homes[0] as Home, undefined]
}

/** A pairing without anybody in between. */
export async function pair(home: Home, camera: Camera): Promise<string> {
  const invite = await home.invite()
  const outcomes = [await show(invite, camera), await home.look(invite), await camera.tick()]
  return [...outcomes, await home.confirm(invite), await camera.tick()].at(-1) ?? ''
}

/** A camera that is one of this home's, as far as its app knows. */
const ownCamera = ({ claims }: Home, pick: Pick) => pick.late(claims)

async function order(world: World, pick: Pick, blocked: boolean): Promise<string> {
  const host = home(world, pick)
  const claim = ownCamera(host, pick)
  return claim === undefined ? NOBODY : orderAbout(world, host, claim, blocked)
}

/** A home's root blocks this camera in this epoch, or lifts it. */
export async function orderAbout(
  world: World,
  host: Home,
  { deviceId, epoch }: { readonly deviceId: string; readonly epoch: number },
  blocked: boolean,
): Promise<string> {
  const payload = {
    householdId: host.id,
    number: ++host.blocks,
    devices: [{ deviceId, epoch }],
    blocked,
    issuedAt: world.time(),
  }
  const block = await makeStatement(blockKind, payload, host.root)
  world.facts.orders.set(signedPart(block), host.root.id)
  await world.hub.request(host.id, { action: 'block', block }, host.root)
  return blocked ? 'blocked' : 'unblocked'
}

/** A member's app gives the hub an order again: one of any home, of any day. */
async function handIn(world: World, pick: Pick): Promise<string> {
  const host = home(world, pick)
  const member = pick.of(host.persons)
  const block = pick.late(world.archive.of('block'))
  if (member === undefined || block === undefined) return 'there is none'
  await world.hub.request(host.id, { action: 'block', block }, member.keys.signer)
  return 'handed in'
}

/** What people do at home. */
export const homeSteps = {
  wait: {
    weight: 5,
    act: async (world, pick) => {
      // Most waits are short, or no code would live to be confirmed.
      const long = pick.upTo(3) === 0
      const time = WAITS[long ? pick.upTo(8) : Math.min(pick.upTo(8), pick.upTo(8))] ?? SECOND
      world.pass(time)
      return `${time / MINUTE} minutes`
    },
  },
  invite: { weight: 4, act: async (world, pick) => (await home(world, pick).invite()) && 'shown' },
  show: {
    weight: 7,
    act: async (world, pick) => {
      const [, invite] = inviteOf(world, pick, () => true)
      return invite === undefined ? NOBODY : show(invite, camera(world, pick))
    },
  },
  look: {
    weight: 7,
    act: async (world, pick) => {
      const [host, invite] = inviteOf(world, pick, ({ short }) => short === undefined)
      return invite === undefined ? NOBODY : host.look(invite)
    },
  },
  confirm: {
    weight: 7,
    act: async (world, pick) => {
      const [host, invite] = inviteOf(world, pick, ({ short }) => short !== undefined)
      return invite === undefined ? NOBODY : host.confirm(invite)
    },
  },
  decline: {
    weight: 1,
    act: async (world, pick) => {
      const host = home(world, pick)
      const invite = pick.late(host.invites)
      return invite === undefined ? NOBODY : host.decline(invite)
    },
  },
  pair: { weight: 2, act: async (world, pick) => pair(home(world, pick), camera(world, pick)) },
  'hand over': {
    weight: 2,
    act: async (world, pick) => {
      const owner = ({ id }: Camera) => world.register.devices.get(id)?.householdId ?? undefined
      const wasReset = ({ id }: Camera) => world.register.devices.get(id)?.resetAt != null
      const owned = world.cameras.filter(one => owner(one) !== undefined)
      const given = pick.of(owned.filter(wasReset)) ?? pick.of(owned)
      const host = pick.of(world.homes.filter(({ id }) => given !== undefined && id !== owner(given)))
      if (given === undefined || host === undefined) return NOBODY
      if (given.household !== undefined) await given.hold(false)
      return pair(host, given)
    },
  },
  'invite member': {
    weight: 1.5,
    act: async (world, pick) => {
      const host = home(world, pick)
      const person = pick.of(host.persons.filter(one => !host.members.includes(one)))
      if (person === undefined) return NOBODY
      await host.publish([...host.members, person])
      return person.name
    },
  },
  'remove member': {
    weight: 1.5,
    act: async (world, pick) => {
      const host = home(world, pick)
      const person = pick.of(host.members.slice(1))
      if (person === undefined) return NOBODY
      world.hostile.add(person)
      await host.publish(host.members.filter(one => one !== person))
      return person.name
    },
  },
  'rotate recipient': {
    weight: 0.5,
    act: async (world, pick) => {
      const host = home(world, pick)
      const person = pick.of(host.members)
      if (person === undefined) return NOBODY
      const keys = await world.ring.take()
      person.ages.push(keys)
      person.number++
      world.facts.owners.set(keys.recipient, person.name)
      await host.publish(host.members)
      return person.name
    },
  },
  'lose root': { weight: 0.5, act: async (world, pick) => succeed(home(world, pick)) },
  'steal root': {
    weight: 0.5,
    act: async (world, pick) => {
      const host = home(world, pick)
      world.stolenRoots.push(host.root)
      return host.name
    },
  },
  'fetch roster': {
    weight: 2.5,
    act: async (world, pick) => {
      const host = home(world, pick)
      const { roster, successions } = await world.ask().published(host.id)
      await host.takeRoster(roster, successions)
      return 'taken or known'
    },
  },
  release: {
    weight: 2,
    act: async (world, pick) => {
      const host = home(world, pick)
      const claim = ownCamera(host, pick)
      if (claim === undefined) return NOBODY
      const { deviceId, epoch } = claim
      const payload = { householdId: host.id, deviceId, epoch, issuedAt: world.time() }
      world.facts.released.add(`${host.id} ${deviceId} ${epoch}`)
      const release = await makeStatement(releaseKind, payload, host.root)
      await world.hub.request(host.id, { action: 'release', release }, host.root)
      return 'released'
    },
  },
  object: {
    weight: 2,
    act: async (world, pick) => {
      const host = home(world, pick)
      const wasReset = ({ deviceId }: Claim) => world.register.devices.get(deviceId)?.resetAt != null
      const claim = pick.late(host.claims.filter(wasReset)) ?? ownCamera(host, pick)
      if (claim === undefined) return NOBODY
      await world.hub.request(host.id, { action: 'object', deviceId: claim.deviceId }, host.root)
      // Without the objection somebody else could have it by then.
      if (pick.upTo(1) === 0) world.pass(73 * HOUR)
      return 'objected'
    },
  },
  'confirm held': {
    weight: 1,
    act: async (world, pick) => {
      const host = home(world, pick)
      const claim = ownCamera(host, pick)
      if (claim === undefined) return NOBODY
      await world.hub.request(host.id, { action: 'confirm', deviceId: claim.deviceId }, host.root)
      return 'confirmed'
    },
  },
  block: { weight: 1, act: (world, pick) => order(world, pick, true) },
  unblock: { weight: 1, act: (world, pick) => order(world, pick, false) },
  'hand in an order': { weight: 1, act: handIn },
  open: {
    weight: 5,
    act: async (world, pick) => {
      const host = home(world, pick)
      const own = world.clips.filter(one => host.claims.some(({ deviceId }) => deviceId === one.deviceId))
      const clip = pick.late(pick.upTo(7) === 0 ? world.clips : own)
      const person = pick.of(pick.upTo(3) === 0 ? host.persons : host.members)
      return clip === undefined || person === undefined ? NOBODY : openAt(host, person, clip)
    },
  },
} satisfies Acts

/** The recovery words are used; of the members those stay who are of the home, and whoever has the words is one. */
export async function succeed(host: Home): Promise<string> {
  const own = host.members.filter(person => host.persons.includes(person))
  await host.succeed(own.length > 0 ? own : host.persons.slice(0, 1))
  return host.name
}
