import { cp, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import Database from 'libsql'
import { clipsAtHub } from '../../home/clip-source.ts'
import { openClips } from '../../home/clips.ts'
import { HubClient } from '../../wire/hub-client.ts'
import { neighbours, pair, refusalOf, release, repair } from '../acts.ts'
import { absent, copyHub } from '../backup.ts'
import type { Drill } from '../drill.ts'
import { forgeries } from '../forgery.ts'
import { cachingFront } from '../front.ts'

export const swappedHouseholds: Drill = {
  number: 10,
  name: 'a registrar that swaps two devices’ households',
  says: 'Somebody swaps two rows in the registrar’s table: each camera is the other home’s there, and so are their rosters.',
  async play(stage) {
    const { report } = stage
    const hub = await stage.hub()
    const { a, b, hall, shop } = await neighbours(stage, hub)
    report.expect(await stage.watch(a, hall), 'Home A has all four kinds')
    report.expect(await stage.watch(b, shop), 'Home B has all four kinds')
    const from = [hall.events.length, shop.events.length]
    const files = ['registrar.db', 'registrar.db-wal', 'registrar.db-shm']
    const aside = join(stage.folder, 'tables')
    const again = await stage.restart(hub, async folder => {
      await mkdir(aside)
      for (const file of files) await cp(join(folder, file), join(aside, file)).catch(absent)
      const database = new Database(join(folder, 'registrar.db'))
      const swap = (table: string, column: string) =>
        database
          .prepare(
            `update ${table} set ${column} = case ${column} when ? then ? when ? then ? else ${column} end`,
          )
          .run(a.id, b.id, b.id, a.id)
      for (const table of ['devices', 'claims']) swap(table, 'household_id')
      const rosters = database.prepare('select household_id, roster from households').all() as {
        household_id: string
        roster: string
      }[]
      const rosterOf = (id: string) => rosters.find(row => row.household_id === id)?.roster
      for (const [id, other] of [
        [a.id, b.id],
        [b.id, a.id],
      ] as const)
        database.prepare('update households set roster = ? where household_id = ?').run(rosterOf(other), id)
      database.close()
    })
    report.do('the table is swapped, rosters too, and the hub started again')
    await stage.spy()
    for (const [index, camera] of [hall, shop].entries()) {
      const refused = await camera.until(
        ({ code }) => code !== undefined && /^(enrol|roster|claim)\./.test(code),
        {
          from: from[index] ?? 0,
          what: 'a refusal',
        },
      )
      report.tell(camera.name, `${refused.code}; it goes on recording for its own home`)
    }
    await stage.restart(again, async folder => {
      for (const file of files) {
        await rm(join(folder, file), { force: true })
        await cp(join(aside, file), join(folder, file)).catch(absent)
      }
    })
    report.do('the table is put right')
    report.expect(await stage.watch(a, hall), 'Home A sees its own camera afterwards')
    report.expect(await stage.watch(b, shop), 'Home B sees its own camera afterwards')
  },
}

export const mixedUpCache: Drill = {
  number: 11,
  name: 'a cache that answers with another device’s metadata',
  says: 'A cache before the hub mixes up its answers: Home A asks for its clips and gets Home B’s (Wyze, 2024).',
  async play(stage) {
    const { report } = stage
    const hub = await stage.hub()
    const { a, b, hall, shop } = await neighbours(stage, hub)
    report.expect(await stage.watch(a, hall), 'Home A has all four kinds')
    report.expect(await stage.watch(b, shop), 'Home B has all four kinds')
    const { tls: theirs } = await b.household.enrol()
    const swap = (path: string) => (path.includes(a.id) ? path.replaceAll(a.id, b.id) : undefined)
    const front = await cachingFront(join(stage.folder, 'hub'), b.household.hub, swap, theirs)
    try {
      const { tls } = await a.household.enrol()
      const through = new HubClient({ url: front.url, caId: hub.caId })
      const clips = await clipsAtHub(through, tls, a.id)
      report.do(`Home A asks for its clips and is shown ${clips.length} of Home B’s`)
      report.expect(clips.length > 0, 'the cache answered nothing')
      const { opened, refused } = await openClips(a.household, a.ledger, clips, join(a.folder, 'foreign'))
      report.expect(opened.length === 0, `Home A opened ${opened.length} of Home B’s clips`)
      for (const { error } of refused) a.hear(error)
      report.expect(refused.length === clips.length, 'not every foreign clip was refused')
      for (const clip of clips)
        for (const part of clip.parts) {
          const bytes = await clip.read(part)
          a.spy.take(`ownlens/1/${b.id}/${clip.epoch}/${clip.deviceId}/clip/${clip.clipId}/${part}`, bytes)
        }
      report.do(`the cache mixed up ${front.mixedUp} answers; Home A tries its keys on all of it`)
    } finally {
      await front.close()
    }
    report.direct(await stage.measure())
    stage.measured = true
    report.expect(
      report.delivered('Home B', 'Home A') > 0,
      'nothing foreign was delivered, so nothing was tried',
    )
  },
}

export const registeredAnew: Drill = {
  number: 12,
  name: 'an existing id registered anew',
  says: 'Who knows a camera’s and a home’s ids registers them again, as his own (ThroughTek, CVE-2021-28372).',
  async play(stage) {
    const { report } = stage
    const hub = await stage.hub()
    const [a, b] = [await stage.home(hub, 'Home A'), await stage.home(hub, 'Home B')]
    const hall = stage.camera('Hall', 'collins')
    const { deviceId } = await pair(stage, a, hall)
    await stage.spy()
    for (const { what, outcome } of await forgeries(b, {
      householdId: a.id,
      deviceId,
      code: await hub.registrationCode(),
    })) {
      report.do(`Home B ${what}: ${outcome ?? 'TAKEN'}`)
      report.expect(outcome !== undefined, `Home B ${what}, and the registrar took it`)
    }
    const owner = await hub.registrar.device(deviceId)
    report.expect(owner?.household_id === a.id, 'the camera is not Home A’s any more')
    report.expect(await stage.watch(a, hall), 'Home A goes on seeing its camera')
  },
}

export const oldBackup: Drill = {
  number: 19,
  name: 'a registrar restored from an old backup',
  says: 'The hub’s disk dies; its backup is from before a camera changed hands and before another was paired.',
  async play(stage) {
    const { report } = stage
    const hub = await stage.hub()
    const [a, b] = [await stage.home(hub, 'Home A'), await stage.home(hub, 'Home B')]
    const [hall, porch] = [stage.camera('Hall', 'collins'), stage.camera('Porch', 'hopper')]
    const first = await pair(stage, a, hall)
    report.expect(await stage.watch(a, hall), 'Home A has all four kinds of Hall')
    const backup = join(stage.folder, 'hub-backup')
    const later = await stage.restart(hub, async folder => copyHub(folder, backup))
    report.do('a backup is made')
    await release(stage, a, hall, first)
    await pair(stage, b, hall)
    await pair(stage, a, porch)
    report.expect(await stage.watch(b, hall), 'Home B has all four kinds of Hall')
    report.expect(await stage.watch(a, porch), 'Home A has all four kinds of Porch')
    const [hallFrom, porchFrom] = [hall.events.length, porch.events.length]
    await stage.restart(later, async () => undefined, 'hub-backup')
    report.do('the old backup is put back: there Hall is Home A’s, and Porch nobody’s')
    await stage.spy()
    for (const [camera, from] of [
      [hall, hallFrom],
      [porch, porchFrom],
    ] as const) {
      const { code } = await camera.until(event => event.code?.startsWith('enrol.') === true, {
        from,
        what: 'a refusal',
      })
      report.tell(camera.name, `${code}; it goes on recording for its own home`)
    }
    await repair(stage, a, porch)
    report.expect(await stage.watch(a, porch), 'Home A has Porch back')
    // The registrar has forgotten the release; Home A has it still, and a second one says the same.
    const again = await refusalOf(a, a.release(first.deviceId, first.epoch))
    report.do(`Home A says once more that it let Hall go: ${again ?? 'taken'}`)
    await repair(stage, b, hall)
    report.expect(await stage.watch(b, hall), 'Home B has Hall back')
  },
}
