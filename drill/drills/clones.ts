import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pair } from '../acts.ts'
import type { Camera } from '../camera.ts'
import type { Drill } from '../drill.ts'
import type { Home } from '../home.ts'
import type { Person } from '../scene.ts'
import type { Stage } from '../stage.ts'

/** What is promised for two boards that are online. */
const FOUND_MS = 60_000
const CLONED = ({ code }: { readonly code?: string }) => code === 'enrol.cloned'
const HELD = ({ code }: { readonly code?: string }) => code === 'enrol.held'

export const copiedKeys: Drill = {
  number: 26,
  name: 'clones online together, alternately, with copied counter',
  says: 'A thief copies a camera’s key, its counter with it, into a second board; first both are on at once, then another pair takes turns.',
  async play(stage) {
    const { report } = stage
    const hub = await stage.hub()
    const [a, b] = [await stage.home(hub, 'Home A'), await stage.home(hub, 'Home B')]
    const hall = stage.camera('Hall', 'collins', { board: 'board 1' })
    const { deviceId } = await pair(stage, a, hall)
    await stage.spy()
    report.expect(await stage.watch(a, hall), 'Home A has all four kinds')
    const twin = await copyOf(stage, hall, 'Twin', 'hopper')

    const from = { hall: hall.events.length, twin: twin.events.length }
    await Promise.all([hall.start(), twin.start()])
    const began = performance.now()
    report.expect(twin.deviceId === deviceId, 'the second board has another key: nothing was tried')
    await Promise.all([
      hall.until(CLONED, { from: from.hall, what: 'enrol.cloned' }),
      twin.until(CLONED, { from: from.twin, what: 'enrol.cloned' }),
    ]).catch(() => undefined)
    const foundMs = performance.now() - began
    report.do(`both boards are on: after ${(foundMs / 1000).toFixed(1)} s both know that there are two`)
    report.expect(foundMs < FOUND_MS, `two boards were online for ${foundMs} ms`)
    report.expect((await a.notices()).includes('cloned'), 'Home A was not told')
    report.tell('Home A', a.told.findLast(text => text.includes('two boards')) ?? '')
    await recordsInSilence(stage, [hall, twin])

    await anewWith(stage, a, hall)
    await anewWith(stage, b, twin)
    const ids = new Set([deviceId, hall.deviceId, twin.deviceId])
    report.expect(ids.size === 3, 'a reset to a new key left the old one')
    await Promise.all([hall.stop(), twin.stop()])
    await takingTurns(stage, a)
  },
}

/** Two boards that are never on at once: none comes again, but both use one number. Then both are on. */
async function takingTurns(stage: Stage, home: Home): Promise<void> {
  const { report } = stage
  const porch = stage.camera('Porch', 'collins', { board: 'board 3' })
  await pair(stage, home, porch)
  report.expect(await stage.watch(home, porch), `${home.name} has all four kinds of the porch`)
  const twin = await copyOf(stage, porch, 'Porch twin', 'hopper')
  await twin.start()
  await twin.until(({ msg }) => msg === 'connected', { what: 'the first turn' })
  await twin.stop()
  report.do('the copy takes the first turn: nobody can know that there are two')
  for (const board of [porch, twin]) {
    const from = board.events.length
    await board.start()
    await board.until(HELD, { from, what: 'enrol.held' })
    report.do(`${board.name} takes its turn: it is held`)
    await recordsInSilence(stage, [board])
    report.expect(!board.events.slice(from).some(CLONED), 'a board that was alone was called a clone')
    await board.stop()
  }
  report.expect((await home.notices()).includes('held'), `${home.name} was not told`)
  const from = { porch: porch.events.length, twin: twin.events.length }
  await Promise.all([porch.start(), twin.start()])
  const began = performance.now()
  await Promise.race([
    porch.until(CLONED, { from: from.porch, what: 'enrol.cloned' }),
    twin.until(CLONED, { from: from.twin, what: 'enrol.cloned' }),
  ]).catch(() => undefined)
  const foundMs = performance.now() - began
  report.do(`then both are on: after ${(foundMs / 1000).toFixed(1)} s they are known as two`)
  report.expect(foundMs < FOUND_MS, `two boards were online for ${foundMs} ms`)
}

/** A second board with the first one's card. The record of whose card it is was removed: this is no accident. */
async function copyOf(stage: Stage, camera: Camera, name: string, person: Person): Promise<Camera> {
  await camera.stop()
  const twin = stage.camera(name, person, { board: `another board for ${name}` })
  await cp(camera.options.folder, twin.options.folder, { recursive: true })
  await rm(join(twin.options.folder, 'board.json'))
  stage.report.do(
    `${camera.name}’s card is copied into a second board, and made to look like that board’s own`,
  )
  return twin
}

/** Recording goes on, sealed, and nothing of it leaves. */
async function recordsInSilence(stage: Stage, cameras: readonly Camera[]): Promise<void> {
  const passed = stage.passed
  const kept = cameras.map(async camera => {
    const from = camera.events.length
    await camera.until(({ msg }) => msg === 'clip opened', { from, what: 'a clip' })
    await camera.until(({ msg }) => msg === 'clip kept', { from, what: 'a clip that is kept' })
  })
  await Promise.all(kept)
  const heard = cameras.reduce((sum, { deviceId }) => sum + stage.heardOf(deviceId, passed), 0)
  stage.report.do(`${cameras.map(({ name }) => name).join(' and ')} recorded on; ${heard} messages left`)
  stage.report.expect(heard === 0, 'something was published')
}

/** The button is held for twenty seconds: a new key, and its own home sets it up again. */
async function anewWith(stage: Stage, home: Home, camera: Camera): Promise<void> {
  const from = camera.events.length
  camera.press('long hold')
  await camera.until(({ msg }) => msg === 'agent started', { from, what: 'a new key' })
  stage.report.do(`${camera.name} has a new key`)
  await pair(stage, home, camera)
  stage.report.expect(await stage.watch(home, camera), `${home.name} has all four kinds of ${camera.name}`)
}
