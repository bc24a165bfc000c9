import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Hub, Story } from '../../deploy/hub/hub.ts'
import { reportCameras } from '../../home/camera-reports.ts'
import { takeNews } from '../../home/command.ts'
import { warningOfLog } from '../../home/hub-log.ts'
import { KeptHeads } from '../../log/kept-heads.ts'
import type { LogPosition } from '../../protocol/log.ts'
import type { CertificateName } from '../../protocol/registrar.ts'
import { disk } from '../../storage/disk.ts'
import { neighbours, repair } from '../acts.ts'
import { copyHub } from '../backup.ts'
import type { Camera } from '../camera.ts'
import type { Drill } from '../drill.ts'
import type { Home } from '../home.ts'
import { ownlens } from '../operator.ts'
import { secondStory } from '../second-story.ts'
import type { Stage } from '../stage.ts'

/** So much longer than its backup is the true log: whoever has followed it finds that the backup went back, not what it became. */
const FORGOTTEN_ENTRIES = 60

/** Statuses that a camera may send until the one that its home waits for. */
const STATUSES_MAX = 10

export const twoStories: Drill = {
  number: 27,
  name: 'a log that tells two stories, or forgets',
  says: 'Whoever runs the hub signs a second log, in which what happened did not happen, for a camera alone. Later the hub comes back with a log that has forgotten.',
  async play(stage) {
    const { report } = stage
    let lie: (asker: CertificateName | undefined) => Story | undefined = () => undefined
    const story = (asker: CertificateName | undefined) => lie(asker)
    const first = await stage.hub({ story })
    const { a, b, hall, shop } = await neighbours(stage, first)
    await hall.stop()
    const backup = join(stage.folder, 'hub-backup')
    const hub = await stage.restart(first, async folder => copyHub(folder, backup), 'hub', { story })
    report.do('a backup of the hub is made')
    await stage.spy()
    report.expect(await stage.watch(b, shop), 'Home B has all four kinds')
    const other = await secondStory(hub, join(stage.folder, 'hub'), join(stage.folder, 'second'))
    await other.tell(['nothing happened'])
    // Meanwhile something does, in the true one.
    for (let entries = 0; entries < FORGOTTEN_ENTRIES; entries++)
      await a.household.publishRoster(a.root, await a.household.memberStatements())
    await hub.log.flush()
    for (const home of [a, b]) await holds(stage, home)
    const from = shop.events.length
    await shop.stop()
    await shop.start()
    await shop.until(({ msg }) => msg === 'connected', { from, what: 'its connection' })
    lie = asker => (asker?.kind === 'device' && asker.id === hall.deviceId ? other : undefined)
    report.do('Hall is shown another log, with the same key’s signature; Home A is shown the true one')
    await finds(stage, a, hall, 'log.split', () => hall.start())
    await opensAnother(stage, a, hall)
    lie = () => undefined
    await hall.stop()
    await refuses(stage, hall, 'log.split', () => hall.start())
    await holds(stage, b)
    // In the end it is longer than the true one: another, not an earlier one.
    await other.tell(Array.from({ length: 100 }, (_, index) => `nothing happened again, ${index}`))
    const forgetful = await forget(stage, hub, b, shop)
    await provesOffline(stage, { a, b, key: hub.log.key })
    await followAgain(stage, forgetful, { a, b, hall, shop })
  },
}

/** The app follows the hub's log, and has nothing against it. */
async function holds(stage: Stage, home: Home): Promise<void> {
  await takeNews(home.household)
  const { refused, position } = await known(home)
  stage.report.expect(refused === null, `${home.name} refuses the log: ${refused?.code}`)
  stage.report.expect((position?.size ?? 0) > 0, `${home.name} follows no log`)
  stage.report.do(`${home.name}’s app follows the log: ${position?.size} entries`)
}

/** The app finds by what its camera says that both are not told the same. */
async function finds(
  stage: Stage,
  home: Home,
  camera: Camera,
  code: string,
  begin: () => Promise<void>,
): Promise<void> {
  let from = stage.passed
  await begin()
  for (let heard = 0; heard < STATUSES_MAX && (await headsOf(home)).refused === null; heard++) {
    await stage.message(({ kind, deviceId }) => kind === 'status' && deviceId === camera.deviceId, {
      ...{ from, what: `a status of ${camera.name}` },
    })
    from = stage.passed
    const { tls } = await takeNews(home.household)
    await reportCameras(home.household, tls)
  }
  const { refused } = await headsOf(home)
  stage.report.expect(refused?.code === code, `${home.name} found ${refused?.code ?? 'nothing'}`)
  await keepsProof(stage, home.name, home.folder, code)
  await warned(stage, home)
}

async function warned(stage: Stage, home: Home): Promise<void> {
  const warning = await warningOfLog(home.household.data)
  stage.report.expect(warning !== undefined, `${home.name} is not warned`)
  stage.report.tell(home.name, (warning ?? '').split('\n').slice(0, 3).join(' '))
}

/** The camera finds by the head that it keeps itself that this is not the log that it knows; it has both as proof. */
async function refuses(
  stage: Stage,
  camera: Camera,
  code: string,
  begin: () => Promise<unknown>,
): Promise<void> {
  const { report } = stage
  const from = camera.events.length
  await begin()
  const found = await camera
    .until(event => event.code?.startsWith('log.') === true, { from })
    .catch(() => undefined)
  report.expect(found?.code === code, `${camera.name} found ${found?.code ?? 'nothing'}`)
  await keepsProof(stage, camera.name, camera.options.folder, code)
  report.tell(camera.name, `${code}; it goes on recording and sending for its own home`)
}

/** What is refused stands in a file with the head that was kept, in the words that the hub has signed. */
async function keepsProof(stage: Stage, name: string, folder: string, code: string): Promise<void> {
  const heads = await KeptHeads.open(disk, folder)
  const { refused } = heads
  const text = await readFile(join(folder, refused?.evidence ?? 'nothing'), 'utf8').catch(() => '{}')
  const both = JSON.parse(text)
  const [, size] = String(both.held?.checkpoint).split('\n')
  stage.report.expect(both.code === code, `${name} keeps a proof of ${both.code ?? 'nothing'}`)
  const position = heads.position(both.held?.caId)
  stage.report.expect(size === String(position?.size), `${name} has let go of the head that it kept`)
  stage.report.expect('shown' in both || 'witness' in both, `${name} keeps one story only`)
}

/** A clip that comes now is opened, whatever was before. */
async function opensAnother(stage: Stage, home: Home, camera: Camera): Promise<void> {
  await home.open()
  const before = home.opened.size
  const isWhole = await stage.watch(home, camera)
  stage.report.expect(
    isWhole && home.opened.size > before,
    `${home.name} sees nothing more of ${camera.name}`,
  )
}

/** The hub comes back as it was: its log has fewer entries than it showed. */
async function forget(stage: Stage, hub: Hub, b: Home, shop: Camera): Promise<Hub> {
  const { report } = stage
  const { position } = await known(b)
  const hubs: Hub[] = []
  await refuses(stage, shop, 'log.back', async () => {
    hubs.push(await stage.restart(hub, async () => undefined, 'hub-backup'))
    report.do(`the hub is started from its backup: Home B knew of ${position?.size} entries`)
  })
  await takeNews(b.household)
  const { refused, position: kept } = await known(b)
  report.expect(refused?.code === 'log.back', `Home B found ${refused?.code ?? 'nothing'}`)
  report.expect(kept?.size === position?.size, 'Home B’s app has forgotten too')
  await keepsProof(stage, b.name, b.folder, 'log.back')
  await warned(stage, b)
  await opensAnother(stage, b, shop)
  return hubs[0] as Hub
}

/** What the apps have kept shows it to anybody, with public keys alone. */
async function provesOffline(stage: Stage, { a, b, key }: { a: Home; b: Home; key: string }): Promise<void> {
  const { report } = stage
  const verify = async (folder: string, home: Home) => {
    const { refused } = await headsOf(home)
    const both = JSON.parse(await readFile(join(home.folder, refused?.evidence ?? ''), 'utf8'))
    const since = join(stage.folder, 'since')
    await writeFile(since, both.held.checkpoint)
    const { code } = await ownlens([
      ...['log', 'verify', join(stage.folder, folder)],
      ...['--key', key, '--since', since],
    ])
    const found = code ?? 'it has grown out of it'
    report.do(`\`ownlens log verify\` of ${folder} since the head that ${home.name} keeps: ${found}`)
    return code
  }
  report.expect((await verify('hub-backup/log', b)) === 'log.back', 'the backup’s log is not found out')
  report.expect((await verify('second', a)) === 'log.split', 'the second story is not found out')
  report.expect((await verify('hub/log', a)) === undefined, 'the true log does not hold')
}

/** The true log is back: it counts again once a person says so, to the app, and at the camera by its button. */
async function followAgain(
  stage: Stage,
  forgetful: Hub,
  { a, b, hall, shop }: { a: Home; b: Home; hall: Camera; shop: Camera },
): Promise<void> {
  const { report } = stage
  await stage.restart(forgetful, async () => undefined)
  report.do('the true log is back')
  for (const home of [a, b]) {
    await takeNews(home.household)
    report.expect((await headsOf(home)).refused !== null, `${home.name}’s refusal did not stand`)
    const { code } = await ownlens(['home', 'log', '--data', home.folder, '--accept', '--yes'])
    report.expect(code === undefined, `${home.name} does not begin anew: ${code}`)
    await holds(stage, home)
  }
  const from = shop.events.length
  await repair(stage, b, shop)
  await shop.until(({ msg }) => msg === 'connected', { from, what: 'its connection' })
  await opensAnother(stage, b, shop)
  const heads = await KeptHeads.open(disk, shop.options.folder)
  const { refused } = heads
  const position = heads.position(b.household.hub.address.caId)
  report.expect(refused === null, `Shop refuses the true log: ${refused?.code}`)
  report.expect((position?.size ?? 0) > FORGOTTEN_ENTRIES, 'Shop does not follow the true log')
  await opensAnother(stage, a, hall)
}

/** What an app says of the log, and how far it has followed it. */
async function known(home: Home): Promise<Pick<KeptHeads, 'refused'> & { position: LogPosition | null }> {
  const heads = await headsOf(home)
  return { refused: heads.refused, position: heads.position(home.household.hub.address.caId) }
}

const headsOf = (home: Home): Promise<KeptHeads> => KeptHeads.open(disk, home.folder)
