import { join } from 'node:path'
import Database from 'libsql'
import type { Hub } from '../../deploy/hub/hub.ts'
import type { Finding } from '../../log/audit/finding.ts'
import { pair, tryPair } from '../acts.ts'
import type { Camera } from '../camera.ts'
import type { Drill } from '../drill.ts'
import type { Home } from '../home.ts'
import { Maker, type Station } from '../maker.ts'
import { OperatorDesk, ownlens } from '../operator.ts'
import type { Stage } from '../stage.ts'

/** A camera that is refused tells its person by its lamp; the app would wait for longer. */
const PATIENCE_MS = 20_000

export const rogueStation: Drill = {
  number: 28,
  name: 'a rogue intermediate CA with a valid chain, but no log entry',
  says: 'The maker’s root was made to certify a station that nobody announced: its cameras’ certificates lead to the root. Then somebody with the hub’s database lets it in.',
  async play(stage) {
    const { report } = stage
    const maker = await Maker.found(stage)
    const hub = await stage.hub({ makerRoot: maker.root })
    const stations = { good: await maker.station('Line 1'), lost: await maker.station('Line 2') }
    for (const station of Object.values(stations))
      report.expect((await maker.announce(hub, station)) === undefined, 'a station was not announced')
    const rogue = await maker.station('Line 9')
    report.do('the root has certified Line 9, and announced it to nobody')
    const [a, b] = [await stage.home(hub, 'Home A'), await stage.home(hub, 'Home B')]
    const [hall, shop] = [stage.camera('Hall', 'collins'), stage.camera('Shop', 'hopper')]
    report.expect(
      (await stations.good.make(hub, hall, 'NW-2015-0001')) === undefined,
      'Line 1 makes no camera',
    )
    await pair(stage, a, hall)
    await stage.spy()
    const serial = 'NW-2015-0900'
    const made = await rogue.make(hub, shop, serial)
    report.tell('Line 9', `${made}: the board gets no identity`)
    report.expect(made === 'station.unlogged', `Line 9 makes a board: ${made ?? 'registered'}`)
    await rogue.makeOffline(shop, serial)
    const handedIn = await rogue.tryMerge(hub)
    report.do(`Line 9 makes Shop without asking anybody, and hands its book in: ${handedIn ?? 'TAKEN'}`)
    report.expect(handedIn === 'station.unlogged', `its book: ${handedIn ?? 'taken'}`)
    const refused = await tryPair(stage, b, shop, { patienceMs: PATIENCE_MS })
    report.expect(refused !== undefined, 'Home B has paired Shop')
    const { code } = await shop.until(event => event.code?.startsWith('station.') === true, { ms: 1000 })
    report.tell('Shop', `${code}: it is nobody’s`)
    report.expect(code === 'station.unlogged', `Shop is told ${code}`)
    report.expect((await maker.revoke(hub, 'Line 2')) === undefined, 'Line 2 was not revoked')
    const lost = await stations.lost.make(hub, stage.camera('Spare', 'hopper'), 'NW-2015-0002')
    report.do(`Line 2 is revoked, and makes a board: ${lost ?? 'REGISTERED'}`)
    report.expect(lost === 'station.revoked', `a revoked station makes a board: ${lost ?? 'registered'}`)
    report.expect(await stage.watch(a, hall), 'Home A goes on seeing its camera of Line 1')
    await letIn(stage, { maker, hub, rogue, b, hall, shop })
  },
}

interface Cast {
  readonly maker: Maker
  readonly hub: Hub
  readonly rogue: Station
  readonly b: Home
  readonly hall: Camera
  readonly shop: Camera
}

/** A row in the hub's table is no entry in its log: who audits it finds the camera, whatever the hub says. */
async function letIn(stage: Stage, { maker, hub, rogue, b, hall, shop }: Cast): Promise<void> {
  const { report } = stage
  const again = await stage.restart(
    hub,
    async folder => {
      const database = new Database(join(folder, 'registrar.db'))
      // As the row of another station, with another key: the log has no word for it.
      const copied = database.prepare(
        `insert into maker_keys select ?, kind, 'Line 9', number, 1, jws from maker_keys where kind = 'station' and active = 1`,
      )
      copied.run(await rogue.keyId())
      database.close()
    },
    'hub',
    { makerRoot: maker.root },
  )
  const handedIn = await rogue.tryMerge(again)
  report.do(`somebody writes Line 9 into the hub’s table; its book is ${handedIn ?? 'taken now'}`)
  report.expect(handedIn === undefined, `the hub that lies does not take it: ${handedIn}`)
  await pair(stage, b, shop)
  report.expect(await stage.watch(b, shop), 'Home B sees the camera that was let in')
  const desk = new OperatorDesk(stage)
  const cameras = [hall, shop].flatMap(({ deviceId }) => ['--camera', deviceId])
  const { incidentId } = await desk.incident('open', '--title', 'A camera of no known line', ...cameras)
  const out = stage.outcome('rogue')
  await desk.incident('page', String(incidentId), '--out', out)
  const audited = await ownlens([
    ...['log', 'audit', join(out, 'log'), '--key', again.log.key, '--records', join(out, 'records.jsonl')],
    ...['--maker-root', maker.rootFile, '--json'],
  ])
  const { findings } = JSON.parse(audited.stdout) as { findings: readonly Finding[] }
  const found = findings.filter(({ kind }) => kind === 'station')
  for (const { says, certain } of found)
    report.do(`the audit, offline: ${says}${certain ? '' : ' (not certain)'}`)
  report.expect(
    found.some(({ devices, certain }) => certain && devices.includes(shop.deviceId)),
    `the audit did not find Shop: ${audited.stdout.slice(0, 400)} ${audited.code}`,
  )
  report.expect(
    !findings.some(({ devices }) => devices.includes(hall.deviceId)),
    'the audit has something against Hall, which is of Line 1',
  )
}
