import type { Camera } from './camera.ts'
import { openAt, record } from './clips.ts'
import { refusal } from './home.ts'
import type { Pick } from './pick.ts'
import type { Acts } from './steps.ts'
import type { World } from './world.ts'

/** The first one oftenest: deep stories are of few. The newest too, which may be a twin. */
export function camera({ cameras }: World, pick: Pick): Camera {
  const [door, hall] = cameras
  return pick.of([door, door, door, hall, cameras.at(-1), pick.of(cameras)]) as Camera
}

/** Seven of eight times one that this is about. */
function cameraThat(world: World, pick: Pick, is: (camera: Camera) => boolean): Camera {
  const { cameras } = world
  const useful = cameras.filter(is)
  if (pick.upTo(7) === 0 || useful.length === 0) return camera(world, pick)
  return pick.of([useful[0], useful.at(-1), pick.of(useful)]) as Camera
}
const waits = ({ isPending }: Camera) => isPending
/** One of two boards with one key, both of the same household. */
const doubled =
  ({ cameras }: World) =>
  ({ id, household, isTwin }: Camera) =>
    household !== undefined &&
    cameras.some(other => other.id === id && other.isTwin !== isTwin && other.household !== undefined)
const paired = ({ household }: Camera) => household !== undefined

const TWINS_MAX = 2

/** What cameras do, and what happens to them. */
export const cameraSteps = {
  knock: { weight: 9, act: (world, pick) => cameraThat(world, pick, waits).tick() },
  refresh: { weight: 5, act: (world, pick) => cameraThat(world, pick, paired).refresh() },
  enrol: {
    weight: 4,
    act: (world, pick) => cameraThat(world, pick, pick.upTo(1) === 0 ? doubled(world) : paired).enrol(),
  },
  record: { weight: 5, act: (world, pick) => record(cameraThat(world, pick, paired)) },
  restart: {
    weight: 1.5,
    act: async (world, pick) => {
      await camera(world, pick).start()
      return 'started'
    },
  },
  'power cut': {
    weight: 2,
    act: async (world, pick) => {
      camera(world, pick).cut(1 + pick.upTo(15))
      return 'it comes'
    },
  },
  hold: { weight: 3, act: (world, pick) => camera(world, pick).hold(pick.upTo(5) === 0) },
  'tell of a reset': { weight: 2, act: (world, pick) => camera(world, pick).tell() },
  'both enrol': {
    weight: 1.5,
    act: async (world, pick) => {
      const one = pick.of(world.cameras.filter(doubled(world)))
      const other = world.cameras.find(({ id, isTwin }) => id === one?.id && isTwin !== one.isTwin)
      if (one === undefined || other === undefined) return clone(world, pick)
      for (const board of [one, other, one]) await board.enrol().catch(refusal)
      return one.name
    },
  },
  'both record': {
    weight: 1,
    act: async (world, pick) => {
      const one = pick.of(world.cameras.filter(doubled(world)))
      const other = world.cameras.find(({ id, isTwin }) => id === one?.id && isTwin !== one.isTwin)
      if (one === undefined || other === undefined) return clone(world, pick)
      const host = world.homes.find(({ id }) => id === one.household?.claim.householdId)
      const reader = host?.members[0]
      if (host === undefined || reader === undefined) return 'nobody is at home'
      for (const board of [one, other, one]) {
        await record(board)
        const clip = world.clips.at(-1)
        if (clip !== undefined) await openAt(host, reader, clip).catch(refusal)
      }
      return one.name
    },
  },
  clone: { weight: 1, act: clone },
} satisfies Acts

async function clone(world: World, pick: Pick): Promise<string> {
  const twins = world.cameras.filter(({ isTwin }) => isTwin).length
  if (twins >= TWINS_MAX) return 'enough of them'
  const original = cameraThat(world, pick, paired)
  world.cameras.push(await original.clone(`${original.name}’s twin ${twins + 1}`))
  return original.name
}
