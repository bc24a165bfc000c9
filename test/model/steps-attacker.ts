import { randomBytes } from 'node:crypto'
import { claimKind, halfHmac, halfKind } from '../../protocol/claim.ts'
import { base32 } from '../../protocol/ids.ts'
import { readInvitation } from '../../protocol/invitation.ts'
import type { Signer } from '../../protocol/keys.ts'
import { blockKind, releaseKind, resetKind } from '../../protocol/ownership.ts'
import { mailboxOf } from '../../protocol/pairing.ts'
import type { RequestBody } from '../../protocol/registrar.ts'
import { successionKind } from '../../protocol/roster.ts'
import { makeStatement } from '../../protocol/statement.ts'
import { forgedClip, renamed } from './clips.ts'
import { must, payloadOf, signedPart } from './facts.ts'
import { falseHub, offerOf } from './false-hub.ts'
import type { Home } from './home.ts'
import type { Pick } from './pick.ts'
import type { Acts } from './steps.ts'
import { home } from './steps-home.ts'
import type { World } from './world.ts'

interface Half {
  readonly deviceId: string
  readonly invited: { readonly epoch: number; readonly householdId: string }
}

const key = (world: World, pick: Pick) => pick.of(world.attackerKeys()) ?? world.attacker.root
const anyDevice = (world: World, pick: Pick): string => pick.of(world.cameras)?.id ?? ''
const isRoot = (world: World, householdId: string, id: string): boolean =>
  world.facts.roots.get(householdId)?.includes(id) === true
const epochOf = (world: World, pick: Pick, deviceId: string): number =>
  Math.max((world.register.devices.get(deviceId)?.epoch ?? 0) + pick.upTo(2) - 1, 1)

/** Signed by keys of the attacker's own, with everything in it that others have sent. */
async function orderOf(world: World, pick: Pick, householdId: string, signer: Signer): Promise<RequestBody> {
  const deviceId = anyDevice(world, pick)
  const epoch = epochOf(world, pick, deviceId)
  const issuedAt = world.time()
  const mailbox = mailboxOf(readInvitation(pick.late(world.archive.codes) ?? '').secret)
  switch (pick.upTo(8)) {
    case 0:
      if (isRoot(world, householdId, signer.id))
        world.facts.released.add(`${householdId} ${deviceId} ${epoch}`)
      return {
        action: 'release',
        release: await makeStatement(releaseKind, { householdId, deviceId, epoch, issuedAt }, signer),
      }
    case 1: {
      const devices = [{ deviceId, epoch }]
      const block = await makeStatement(
        blockKind,
        { householdId, number: 1 + pick.upTo(99), devices, blocked: pick.upTo(1) === 0, issuedAt },
        signer,
      )
      world.facts.orders.set(signedPart(block), signer.id)
      return { action: 'block', block }
    }
    case 2:
      return { action: 'object', deviceId }
    case 3:
      return { action: 'confirm', deviceId }
    case 4:
      return { action: 'decline', mailbox }
    case 5:
      return { action: 'mailbox', mailbox }
    case 6:
      return { action: 'invite', mailbox }
    case 7:
      return { action: 'reveal', mailbox, reveal: pick.late(world.archive.of('reveal')) ?? '' }
    default:
      return { action: 'release', release: pick.late(world.archive.of('release')) ?? '' }
  }
}

/** What somebody does who holds everything that was ever sent, and some keys. */
export const attackerSteps = {
  spy: {
    weight: 3,
    act: async (world, pick) => {
      const code = pick.late(world.archive.codes)
      const spy = world.cameras.find(({ name }) => name === 'spy')
      if (code === undefined || spy === undefined) return 'no code was photographed'
      world.facts.seen.add(`${spy.id} ${readInvitation(code).rootId}`)
      return spy.see(code)
    },
  },
  'false hub': {
    weight: 2,
    act: async (world, pick) => {
      const code = pick.late(world.archive.codes)
      const free = world.cameras.filter(({ household }) => household === undefined)
      const seen = pick.of(pick.upTo(3) > 0 && free.length > 0 ? free : world.cameras)
      const { attacker } = world
      const roster = pick.upTo(1) === 0 ? attacker.roster?.jws : pick.late(world.archive.of('roster'))
      if (code === undefined || seen === undefined || roster === undefined) return 'no code was photographed'
      world.facts.seen.add(`${seen.id} ${readInvitation(code).rootId}`)
      seen.deceiver = falseHub(world, offerOf(roster, pick.late(world.archive.successions) ?? []))
      try {
        return await seen.see(code)
      } finally {
        seen.deceiver = undefined
      }
    },
  },
  'false release': {
    weight: 1,
    act: async (world, pick) => {
      const owned = pick.of(world.cameras.filter(({ household }) => household !== undefined))
      const { attacker, archive } = world
      const release = pick.late(archive.of('release'))
      const roster = attacker.roster?.jws
      if (owned === undefined || release === undefined || roster === undefined) return 'nobody was let go'
      owned.deceiver = falseHub(world, { ...offerOf(roster, []), release })
      try {
        return await owned.enrol()
      } finally {
        owned.deceiver = undefined
      }
    },
  },
  replay: {
    weight: 3,
    act: async (world, pick) => {
      const request = pick.late(world.archive.of('request'))
      if (request === undefined) return 'nothing was sent'
      await world.hub.raw(request)
      must(false, 'a request counts once', payloadOf<{ body: { action: string } }>(request).body.action)
      return ''
    },
  },
  'forge half': {
    weight: 2,
    act: async (world, pick) => {
      const code = pick.late(world.archive.codes)
      if (code === undefined) return 'no code was photographed'
      const { secret, rootId } = readInvitation(
        pick.upTo(3) === 0 ? (pick.of(world.archive.codes) ?? code) : code,
      )
      const signer = key(world, pick)
      const home = world.homes.find(({ roots }) => roots.some(({ id }) => id === rootId)) as Home
      const registrarEpoch = await world.hub.registrar.epochOf(signer.id)
      const half = {
        deviceId: pick.upTo(3) === 0 ? anyDevice(world, pick) : signer.id,
        recipients: { x25519: world.attacker.persons[0]?.keys.recipient ?? '', hybrid: null },
        nonce: base32(randomBytes(16)),
      }
      const invited = { householdId: home.id, rootId, epoch: registrarEpoch + 1, registrarEpoch }
      const knows = pick.upTo(1) === 0
      const hmac = halfHmac(knows ? secret : randomBytes(16), half, invited)
      const jws = await makeStatement(halfKind, { ...half, invited: { ...invited, hmac } }, signer)
      if (knows) world.facts.knowing.add(`${mailboxOf(secret)} ${signedPart(jws)}`)
      const mailbox = mailboxOf(readInvitation(code).secret)
      await world.hub.request(null, { action: 'half', mailbox, half: jws, idevid: [] }, signer)
      return 'taken'
    },
  },
  'forge claim': {
    weight: 4,
    act: async (world, pick) => {
      const half = pick.late(world.archive.of('half'))
      if (half === undefined) return 'no half was sent'
      const { deviceId, invited } = payloadOf<Half>(half)
      const invitedBy = world.homes.find(({ id }) => id === invited.householdId)
      const target = pick.upTo(3) > 0 && invitedBy !== undefined ? invitedBy : home(world, pick)
      const held = world.attackerKeys().find(({ id }) => id === target.root.id)
      const signer = pick.upTo(3) > 0 && held !== undefined ? held : key(world, pick)
      const payload = {
        householdId: target.id,
        deviceId,
        epoch: invited.epoch,
        half,
        hub: world.hub.address,
        issuedAt: world.time(),
      }
      if (isRoot(world, target.id, signer.id))
        world.facts.claimed.add(`${target.id} ${deviceId} ${invited.epoch}`)
      const own = pick.upTo(2) > 0
      const claim = own
        ? await makeStatement(claimKind, payload, signer)
        : (pick.late(world.archive.of('claim')) ?? '')
      await world.hub.request(target.id, { action: 'claim', claim }, signer)
      return 'taken'
    },
  },
  'forge roster': {
    weight: 3,
    act: async (world, pick) => {
      const target = home(world, pick)
      const signer = key(world, pick)
      const own = world.attacker.persons.slice(0, 1)
      const members = pick.upTo(1) === 0 ? [...target.members.filter(one => !own.includes(one)), ...own] : own
      const held = target.roster?.number ?? 1
      const number = pick.of([held + 1, held + 5, held, Number.MAX_SAFE_INTEGER]) ?? held
      const generation =
        pick.upTo(3) === 0
          ? pick.upTo(2)
          : Math.max(
              target.roots.findIndex(({ id }) => id === signer.id),
              0,
            )
      const successions = await lineOf(world, pick, target)
      const roster = await target.sign(signer, members, {
        number,
        generation,
        prev: number === 1 ? null : (target.roster?.sha256 ?? null),
      })
      world.archive.add('roster', roster)
      if (successions !== undefined) world.archive.successions.push(successions)
      await world.hub.request(
        target.id,
        { action: 'roster', roster, successions: [...(successions ?? target.successions)] },
        signer,
      )
      return 'taken'
    },
  },
  'forge order': {
    weight: 4,
    act: async (world, pick) => {
      if (world.archive.codes.length === 0) return 'nothing is known'
      const target = pick.upTo(1) === 0 ? world.attacker : home(world, pick)
      const held = world.attackerKeys().find(({ id }) => id === target.root.id)
      const signer = pick.upTo(3) > 0 && held !== undefined ? held : key(world, pick)
      const body = await orderOf(world, pick, target.id, signer)
      await world.hub.request(target.id, body, signer)
      return body.action
    },
  },
  'forge reset': {
    weight: 1,
    act: async (world, pick) => {
      const signer = key(world, pick)
      const deviceId = anyDevice(world, pick)
      const epoch = world.register.devices.get(deviceId)?.epoch ?? 0
      const payload = { deviceId, householdId: null, epoch, newKey: false, nonce: base32(randomBytes(16)) }
      const own = pick.upTo(1) === 0
      const reset = own
        ? await makeStatement(resetKind, payload, signer)
        : (pick.late(world.archive.of('reset')) ?? '')
      await world.hub.request(null, { action: 'reset', reset }, signer)
      return 'taken'
    },
  },
  'inject roster': {
    weight: 6,
    act: async (world, pick) => {
      const roster = pick.late(world.archive.of('roster'))
      const camera = pick.of(world.cameras.filter(({ household }) => household !== undefined))
      const successions = pick.of([...world.archive.successions, ...world.homes.map(one => one.successions)])
      if (roster === undefined || camera === undefined || successions === undefined) return 'nothing is known'
      return camera.hear(roster, [...successions])
    },
  },
  'inject clip': {
    weight: 3,
    act: async (world, pick) => {
      const clip = pick.late(world.clips)
      if (clip === undefined) return 'nothing was recorded'
      const other = pick.late(world.clips) ?? clip
      const address = [
        { clipId: other.clipId },
        { deviceId: anyDevice(world, pick) },
        { epoch: 1 + pick.upTo(3) },
        { clipId: other.clipId, deviceId: other.deviceId, epoch: other.epoch },
      ]
      world.clips.push(renamed(clip, pick.of(address) ?? {}))
      return 'renamed'
    },
  },
  'forge clip': {
    weight: 3,
    act: async (world, pick) => {
      const target = home(world, pick)
      const claim = pick.late(target.claims)
      const recipients = target.members.map(({ ages }) => ages.at(-1)?.recipient ?? '')
      if (claim === undefined) return 'there is no camera'
      const spy = world.cameras.find(({ name }) => name === 'spy')?.keys.signer
      const signer = pick.upTo(1) === 0 ? key(world, pick) : (spy ?? key(world, pick))
      const { epoch } = claim
      const deviceId = pick.upTo(1) === 0 ? claim.deviceId : signer.id
      const clipId = base32(randomBytes(16))
      const opening = {
        householdId: target.id,
        deviceId,
        epoch,
        roster: target.roster?.number ?? 1,
        counter: 1 + pick.upTo(3),
        clipId,
      }
      // A camera that the home itself has claimed says what it likes.
      if (signer.id === claim.deviceId) return 'its own'
      const recipientsOf =
        recipients.length === 0 ? [world.attacker.persons[0]?.keys.recipient ?? ''] : recipients
      world.clips.push(
        await forgedClip(signer, recipientsOf, opening, { deviceId: claim.deviceId, epoch, clipId }),
      )
      return 'sealed'
    },
  },
  'enrol as': {
    weight: 2,
    act: async (world, pick) => {
      const signer = key(world, pick)
      const target = home(world, pick)
      const person = world.persons().find(({ keys }) => keys.signer.id === signer.id)
      const role =
        pick.upTo(2) > 0
          ? ({ kind: 'member' } as const)
          : ({
              kind: 'device',
              epoch: 1 + pick.upTo(2),
              counter: 1 + pick.upTo(5),
              boot: base32(randomBytes(16)),
            } as const)
      await world.enrol(person?.name ?? 'the attacker', signer, target.id, role, 0)
      return 'enrolled'
    },
  },
  'enrol member': {
    weight: 2.5,
    act: async (world, pick) => {
      const target = home(world, pick)
      const left = target.persons.filter(one => world.hostile.has(one))
      const person = pick.of(pick.upTo(1) === 0 && left.length > 0 ? left : target.persons)
      if (person === undefined) return 'nobody'
      await world.enrol(person.name, person.keys.signer, target.id, { kind: 'member' }, pick.upTo(1))
      return person.name
    },
  },
} satisfies Acts

/** Sometimes with a succession that the attacker made up. */
async function lineOf(world: World, pick: Pick, target: Home): Promise<readonly string[] | undefined> {
  const choice = pick.upTo(5)
  if (choice === 0) return []
  if (choice === 1) return pick.of(world.archive.successions)
  if (choice > 2) return undefined
  const generation = target.successions.length + 1
  const { id } = world.attacker.root
  const payload = {
    householdId: target.id,
    generation,
    newRootId: id,
    newSuccessorId: id,
    issuedAt: world.time(),
  }
  return [...target.successions, await makeStatement(successionKind, payload, key(world, pick))]
}
