import { OwnlensError } from '../../protocol/errors.ts'
import type { Camera } from './camera.ts'
import { openAt, record } from './clips.ts'
import { must } from './facts.ts'
import type { Home } from './home.ts'
import type { Pick } from './pick.ts'
import { pair, succeed } from './steps-home.ts'
import type { World } from './world.ts'

const MINUTE = 60_000
/** What is waited before each try. */
const WAITS = [11 * MINUTE, 11 * MINUTE, 11 * MINUTE, 73 * 60 * MINUTE, 15 * 24 * 60 * MINUTE, 11 * MINUTE]

/**
 * Nobody is locked out for good: from here on the hub is honest, and who holds the camera and the household's root (or its
 * recovery words) gets to a camera that records, publishes and is opened, within so many tries.
 */
export async function mend(world: World, pick: Pick): Promise<string> {
  const home = pick.of(world.honest) as Home
  const camera = pick.of(world.cameras.filter(({ isTwin }) => !isTwin)) as Camera
  if (world.register.isCloned(camera.id) || world.register.isBlocked(camera.id)) return 'not to be mended'
  world.lies.length = 0
  const trail: string[] = []
  for (const wait of WAITS) {
    world.pass(wait)
    const said = await attempt(world, home, camera).catch(error => {
      if (error instanceof OwnlensError) return error.code
      throw error
    })
    trail.push(said)
    // As its text says: the button is held once, and the time is waited for.
    if (said === 'claim.owned' && trail.indexOf(said) === trail.length - 1) await camera.hold(false)
    if (said === 'mended') return `mended after ${trail.length}`
  }
  must(false, 'no household is locked out for good', `${home.name} and ${camera.name}: ${trail.join(', ')}`)
}

async function attempt(world: World, home: Home, camera: Camera): Promise<string> {
  camera.steady()
  await camera.start()
  await settleRoot(world, home)
  const foreign = camera.household !== undefined && camera.household.claim.householdId !== home.id
  if (foreign) await camera.hold(false)
  await pair(home, camera)
  await camera.enrol().catch(async error => {
    if (!(error instanceof OwnlensError && error.code === 'enrol.held')) throw error
    await world.hub.request(home.id, { action: 'confirm', deviceId: camera.id }, home.root)
    await camera.enrol()
  })
  const { certificate, household } = camera
  if (certificate === undefined || household === undefined) return 'no certificate'
  const session = await world.broker.connect(camera.name, certificate)
  if (session === undefined) return 'not connected'
  const { householdId, epoch } = household.claim
  const topic = `ownlens/1/${householdId}/${epoch}/${camera.id}/status`
  if (world.broker.publish(session, topic) === undefined) return 'not published'
  await record(camera)
  const clip = world.clips.at(-1)
  const person = home.members[0]
  if (clip === undefined || person === undefined) return 'nothing recorded'
  await openAt(home, person, clip)
  return 'mended'
}

/** The owner's app brings the hub up to date; a root that somebody else has too is replaced. */
async function settleRoot(world: World, home: Home): Promise<void> {
  const { roster, successions } = await world.hub.registrar.published(home.id)
  const news = await home.takeRoster(roster, successions).catch(error => {
    if (!(error instanceof OwnlensError)) throw error
    return error.code
  })
  if (world.stolenRoots.includes(home.root)) await succeed(home)
  else if (news === 'roster.old' || news === 'roster.generation') await home.publishAgain()
}
