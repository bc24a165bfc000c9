import { matches, type Session } from './broker.ts'
import { must } from './facts.ts'
import type { Home } from './home.ts'
import { mayHear, maySay } from './judge.ts'
import type { Pick } from './pick.ts'
import type { Acts } from './steps.ts'
import { orderAbout } from './steps-home.ts'
import type { World } from './world.ts'

const WORDS = ['alert', 'status', 'gap', 'command', 'people', 'ack', 'clip/aaaaaaaaaaaaaaaaaaaaaaaaaa/open']
const BACKUPS_MAX = 3
const LIES_MAX = 4

/** A topic of any home, epoch and device; its own ones oftener. */
function topicOf(world: World, pick: Pick, session: Session): string {
  const { name } = session
  const own = pick.upTo(2) > 0
  const householdId = own ? name.householdId : (pick.of(world.homes) as Home).id
  const deviceId = own && name.kind === 'device' ? name.id : (pick.of(world.cameras)?.id ?? '')
  const epoch = own && name.kind === 'device' && pick.upTo(2) > 0 ? name.epoch : 1 + pick.upTo(3)
  return `ownlens/1/${householdId}/${epoch}/${deviceId}/${pick.of(WORDS)}`
}

function filterOf(world: World, pick: Pick, session: Session): string {
  const { householdId } =
    pick.upTo(1) === 0 ? session.name : { householdId: (pick.of(world.homes) as Home).id }
  const filters = [
    `ownlens/1/${householdId}/#`,
    topicOf(world, pick, session),
    '#',
    'ownlens/#',
    'ownlens/1/+/+/+/alert',
    `ownlens/1/${householdId}/+/+/command`,
    `+/1/${householdId}/#`,
    `$share/all/ownlens/1/${householdId}/#`,
    '$SYS/#',
    topicOf(world, pick, session).replace(/\/[^/]*$/, '/+'),
  ]
  return pick.of(filters) ?? '#'
}

const subject = ({ name }: Session) => ({ epoch: 0, ...name })

type Backup = World['backups'][number]

const backUp = async (world: World): Promise<Backup> => ({
  rows: await world.hub.backup(),
  register: world.register.copy(),
  issued: [...world.issued],
})

async function restore(world: World, { rows, register, issued }: Backup): Promise<string> {
  world.broker.endAll()
  await world.hub.restore(rows)
  world.register = register.copy().with(world.register)
  world.issued = [...issued]
  return 'an earlier day'
}

/** What the hub does, honest or not, and who speaks at its broker. */
export const hubSteps = {
  lie: {
    weight: 6,
    act: async (world, pick) => {
      if (world.lies.length >= LIES_MAX) world.lies.shift()
      const { archive } = world
      const lies = [
        { field: 'roster', value: pick.late(archive.of('roster')) },
        { field: 'successions', value: pick.late(archive.successions) },
        { field: 'reveal', value: pick.late(archive.of('reveal')) ?? null },
        { field: 'claim', value: pick.late(archive.of('claim')) ?? null },
        { field: 'release', value: pick.late(archive.of('release')) ?? null },
        { field: 'half', value: pick.late(archive.of('half')) ?? null },
        { field: 'householdId', value: (pick.of(world.homes) as Home).id },
        { field: 'epoch', value: pick.of([0, 1, 2, 7, 60_000, 0xffffffff]) },
        { field: 'rivals', value: 0 },
        { field: 'release', value: null },
        { field: 'claim', value: null },
      ]
      const lie = pick.of(lies)
      if (lie === undefined) return 'nothing'
      world.lies.push(lie)
      return lie.field
    },
  },
  truth: {
    weight: 2,
    act: async world => {
      world.lies.length = 0
      return 'told'
    },
  },
  'back up': {
    weight: 0.6,
    act: async world => {
      if (world.backups.length >= BACKUPS_MAX) world.backups.shift()
      world.backups.push(await backUp(world))
      return 'done'
    },
  },
  restore: {
    weight: 0.5,
    act: async (world, pick) => {
      const backup = pick.of(world.backups)
      return backup === undefined ? 'there is none' : restore(world, backup)
    },
  },
  'restore what was before an order': {
    weight: 0.3,
    act: async (world, pick) => {
      const backup = await backUp(world)
      const one = pick.late(world.issued.filter(({ kind }) => kind === 'device'))
      const host = world.homes.find(({ id }) => id === one?.householdId)
      if (one === undefined || host === undefined) return 'nobody has a certificate'
      const { epoch } = world.register.devices.get(one.id) ?? { epoch: 1 }
      await orderAbout(world, host, { deviceId: one.id, epoch }, true)
      return restore(world, backup)
    },
  },
  connect: {
    weight: 4,
    act: async (world, pick) => {
      const one = pick.late(pick.upTo(3) === 0 ? world.given : world.issued)
      if (one === undefined) return 'nobody has a certificate'
      const session = await world.broker.connect(one.holder, one.certificate)
      return session === undefined ? 'refused' : 'connected'
    },
  },
  subscribe: {
    weight: 3,
    act: async (world, pick) => {
      const session = pick.of([...world.broker.sessions])
      if (session === undefined) return 'nobody is connected'
      const filter = filterOf(world, pick, session)
      if (!world.broker.subscribe(session, filter)) return 'refused'
      must(!filter.startsWith('$'), 'I6 a topic gives nobody anything', filter)
      for (const { id: householdId } of world.homes)
        for (const { id: deviceId } of world.cameras)
          for (const epoch of [1, 2, 3])
            for (const word of WORDS) {
              const topic = `ownlens/1/${householdId}/${epoch}/${deviceId}/${word}`
              if (matches(filter, topic))
                must(mayHear(topic, subject(session)), 'I6 a topic gives nobody anything', filter)
            }
      return 'subscribed'
    },
  },
  publish: {
    weight: 4,
    act: async (world, pick) => {
      const all = [...world.broker.sessions]
      const devices = all.filter(({ name }) => name.kind === 'device')
      const session = pick.of(pick.upTo(1) === 0 && devices.length > 0 ? devices : all)
      if (session === undefined) return 'nobody is connected'
      const topic = topicOf(world, pick, session)
      const heard = world.broker.publish(session, topic)
      if (heard === undefined) return 'refused'
      must(
        maySay(topic, subject(session)),
        'I6 a topic gives nobody anything',
        `${session.holder} said ${topic}`,
      )
      for (const other of heard)
        must(
          mayHear(topic, subject(other)),
          'I6 a topic gives nobody anything',
          `${other.holder} heard ${topic}`,
        )
      return `heard by ${heard.length}`
    },
  },
} satisfies Acts
