import type { Hub } from '../deploy/hub/hub.ts'
import { findCamera } from '../home/cameras.ts'
import { blockCamera, releaseCamera } from '../home/orders.ts'
import { pairThroughLens } from '../home/pair.ts'
import { codeOf } from '../protocol/errors.ts'
import type { Camera } from './camera.ts'
import type { Home } from './home.ts'
import type { Stage } from './stage.ts'

/** The agent's word after a reset and after a release. */
const FORGOTTEN = 'the camera has forgotten its household'

/** How a pairing went. */
export interface Paired {
  readonly deviceId: string
  readonly epoch: number
  /** The text of the code that was shown. */
  readonly code: string
}

export interface PairingWishes {
  /** Just before the code is shown. */
  readonly beforeShown?: () => void
  /** As soon as the app has claimed. */
  readonly claimed?: () => void
  /** Somebody else's camera that sees the code first. */
  readonly rival?: Camera
  /** How long the person waits. */
  readonly patienceMs?: number
}

/** Until the lamp says that codes are read: at the first start by itself, later after a press of the button. */
export async function startReading(camera: Camera): Promise<void> {
  if (camera.deviceId === '') await camera.start()
  if (camera.lamp === 'reading') return
  const from = camera.events.length
  // A board that has just started opens its window by itself.
  await camera
    .until(({ shown }) => shown === 'reading', { from, ms: 3000, what: 'reading' })
    .catch(async () => {
      camera.press('short')
      await camera.until(({ shown }) => shown === 'reading', { from, ms: 20_000, what: 'reading' })
    })
}

/**
 * A person pairs a camera: presses the button, holds the app's code before the lens, compares what the lamp blinks with what
 * the app shows. Throws what the app says when it refuses.
 */
export async function pair(
  stage: Stage,
  home: Home,
  camera: Camera,
  wishes: PairingWishes = {},
): Promise<Paired> {
  await startReading(camera)
  if (wishes.rival !== undefined) await startReading(wishes.rival)
  let code = ''
  const patience = AbortSignal.timeout(wishes.patienceMs ?? 90_000)
  const from = camera.events.length
  const { deviceId, epoch } = await pairThroughLens(home.household, home.root, {
    name: camera.name,
    signal: AbortSignal.any([stage.signal, patience]),
    async show(text) {
      code = text
      wishes.beforeShown?.()
      if (wishes.rival !== undefined) {
        await wishes.rival.show(text)
        await wishes.rival.until(({ msg }) => msg === 'code answered', { what: 'the spy’s answer' })
      }
      await camera.show(text)
      return async () => {
        // The one that came second gets the time to read it too.
        if (wishes.rival !== undefined)
          await camera.until(({ code: told }) => told === 'pair.taken', { from, what: 'pair.taken' })
        await camera.show(undefined)
        await wishes.rival?.show(undefined)
      }
    },
    async confirm(shown) {
      const blinked = await camera
        .until(({ shown: light }) => typeof light === 'object', { from, ms: 20_000, what: 'blinking' })
        .catch(() => undefined)
      const same = typeof blinked?.shown === 'object' && blinked.shown.code === shown
      stage.report.do(
        `${home.name}’s app shows ${shown}, ${camera.name}’s lamp ${same ? 'blinks the same' : 'does not'}`,
      )
      return same
    },
  })
  wishes.claimed?.()
  await camera.until(({ msg }) => msg === 'paired' || msg === 'repaired', { from, what: 'paired' })
  stage.report.do(`${camera.name} is ${home.name}’s, epoch ${epoch}`)
  return { deviceId, epoch, code }
}

/** Home A has the camera Hall, Home B the camera Shop. */
export async function neighbours(
  stage: Stage,
  hub: Hub,
  cameras: { hall?: Camera; shop?: Camera } = {},
): Promise<{ a: Home; b: Home; hall: Camera; shop: Camera; first: Paired }> {
  const [a, b] = [await stage.home(hub, 'Home A'), await stage.home(hub, 'Home B')]
  const { hall = stage.camera('Hall', 'collins'), shop = stage.camera('Shop', 'hopper') } = cameras
  const first = await pair(stage, a, hall)
  await pair(stage, b, shop)
  return { a, b, hall, shop, first }
}

/** Tries to pair; the person reads what the app or the camera says. Returns the code of the refusal. */
export async function tryPair(
  stage: Stage,
  home: Home,
  camera: Camera,
  wishes: PairingWishes = {},
): Promise<string | undefined> {
  const refused = await refusalOf(home, pair(stage, home, camera, wishes))
  await camera.show(undefined)
  const told = home.told.at(-1)
  if (refused !== undefined && told !== undefined) stage.report.tell(home.name, told)
  return refused
}

/** The code of what `work` is refused with, after the person has read it; undefined when it is not. */
export async function refusalOf(home: Home, work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work
    return undefined
  } catch (error) {
    const code = codeOf(error)
    if (code === undefined) throw error
    home.hear(error)
    return code
  }
}

/** The button is held for ten seconds. */
export async function resetByButton(stage: Stage, camera: Camera): Promise<void> {
  const from = camera.events.length
  camera.press('hold')
  await camera.until(({ msg }) => msg === FORGOTTEN, { from, what: 'the reset' })
  stage.report.do(`${camera.name}’s button is held: it forgets its household`)
}

/** The owner lets the camera go, and the camera hears of it. */
export async function release(
  stage: Stage,
  home: Home,
  camera: Camera,
  { deviceId }: Pick<Paired, 'deviceId'>,
): Promise<void> {
  const from = camera.events.length
  await releaseCamera(home.household, home.root, await findCamera(home.household, deviceId))
  await camera.until(({ msg }) => msg === FORGOTTEN, { from, what: 'the release' })
  stage.report.do(`${home.name} releases ${camera.name}, and the camera forgets ${home.name}`)
}

/** The owner says that a restored card is the owner's own doing. */
export async function confirm(stage: Stage, home: Home, deviceId: string): Promise<void> {
  await home.household.hub.request(home.id, { action: 'confirm', deviceId }, home.root)
  stage.report.do(`${home.name} confirms: it was their own backup`)
}

/** Button, code of the own home, and all is as it was. */
export async function repair(stage: Stage, home: Home, camera: Camera): Promise<Paired> {
  camera.press('short')
  const from = camera.events.length
  await camera.until(({ shown }) => shown === 'reading', { from: from - 1, what: 'reading' })
  return pair(stage, home, camera)
}

/** The owner blocks a camera, or lifts that. */
export async function blocks(home: Home, deviceId: string, blocked: boolean): Promise<void> {
  await blockCamera(home.household, home.root, await findCamera(home.household, deviceId), blocked)
}

/** It learns that it is blocked when it asks for another certificate. */
export async function becomesDark(camera: Camera, from = 0): Promise<void> {
  await camera.until(({ code }) => code === 'enrol.blocked', { from, what: 'the block' })
}
