import { cp, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { confirm, pair, resetByButton } from '../acts.ts'
import type { Drill } from '../drill.ts'

export const copiedCard: Drill = {
  number: 17,
  name: 'a copied card, and a restored one',
  says: 'A camera’s card is copied into a second board; later its own backup is put back into its own board.',
  async play(stage) {
    const { report } = stage
    const hub = await stage.hub()
    const [a] = [await stage.home(hub, 'Home A'), await stage.home(hub, 'Home B')]
    const hall = stage.camera('Hall', 'collins')
    const { deviceId, epoch } = await pair(stage, a, hall)
    await stage.spy()
    report.expect(await stage.watch(a, hall), 'Home A has all four kinds')
    await hall.stop()
    const { folder } = hall.options
    const backup = `${folder}-backup`
    await cp(folder, backup, { recursive: true })
    await hall.start()
    report.expect(await stage.watch(a, hall), 'Home A sees it after a restart')

    const copy = stage.camera('Copy', 'hopper', { board: 'another board' })
    await cp(backup, copy.options.folder, { recursive: true })
    await copy.start()
    const works = ['reading', 'unpaired', 'ready', 'recording', 'fault']
    await copy.until(({ shown }) => typeof shown === 'string' && works.includes(shown), { what: 'its lamp' })
    report.do(
      `the copy starts in another board as ${copy.deviceId === deviceId ? 'the same' : 'a new'} camera`,
    )
    report.expect(copy.deviceId !== deviceId, 'the copied card has the key of the first board')
    report.expect(copy.lamp === 'reading' || copy.lamp === 'unpaired', `the copy’s lamp shows ${copy.lamp}`)
    const owner = await hub.registrar.device(copy.deviceId)
    report.expect(owner === undefined, 'the copy belongs to somebody')
    report.expect(await stage.watch(a, hall), 'the first board goes on undisturbed')
    await copy.stop()

    await hall.stop()
    await rm(folder, { recursive: true })
    await cp(backup, folder, { recursive: true })
    const from = hall.events.length
    await hall.start()
    const held = await hall.until(({ code }) => code === 'enrol.held', { from, what: 'enrol.held' })
    report.do(`its backup is put back into its own board: ${held.code}; it goes on recording`)
    report.expect(hall.deviceId === deviceId, 'a restored card has another key')
    report.expect((await a.notices()).includes('held'), 'Home A was not told')
    await confirm(stage, a, deviceId)
    report.expect(await stage.watch(a, hall), 'after the owner’s word it publishes again')
    report.expect((await hub.registrar.epochOf(deviceId)) === epoch, 'the epoch changed')
  },
}

export const leftAfterAReset: Drill = {
  number: 18,
  name: 'household data and keys left after a reset',
  says: 'The button is held; then everything on the card is searched for the home that it had.',
  async play(stage) {
    const { report } = stage
    const hub = await stage.hub()
    const [a] = [await stage.home(hub, 'Home A'), await stage.home(hub, 'Home B')]
    const hall = stage.camera('Hall', 'collins')
    await pair(stage, a, hall)
    await stage.spy()
    report.expect(await stage.watch(a, hall), 'Home A has all four kinds')
    const marks = [
      a.id,
      a.root.id,
      a.household.member.id,
      ...a.household.roster.members.flatMap(({ recipients }) => [
        recipients.x25519,
        recipients.hybrid ?? recipients.x25519,
      ]),
    ]
    const { folder } = hall.options
    // Searched while it is off: what records renames its files under whoever reads them.
    await hall.stop()
    report.expect((await search(folder, marks)).length > 0, 'the search finds nothing even before the reset')
    await hall.start()
    await resetByButton(stage, hall)
    await hall.until(({ msg }) => msg === 'the hub knows of the reset', { what: 'telling the hub' })
    await hall.stop()
    const found = await search(folder, marks)
    const left = await readdir(folder)
    report.do(`after the reset the card holds: ${left.join(', ')}`)
    report.expect(found.length === 0, `traces of Home A: ${found.join(', ')}`)
    report.expect(!left.includes('household.json'), 'household.json is still there')
    const outbox = (await readdir(join(folder, 'outbox'), { recursive: true }).catch(() => [])) as string[]
    const sealed = outbox.filter(name => /\d|open|end|thumb/.test(name))
    report.expect(sealed.length === 0, `sealed parts are still there: ${sealed.join(', ')}`)
  },
}

/** Files under a folder in which one of these texts stands, plainly or inside base64url as a statement carries it. */
async function search(folder: string, marks: readonly string[]): Promise<string[]> {
  const found: string[] = []
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    const text = (await readFile(path)).toString('latin1')
    const inside = text
      .split(/[^A-Za-z0-9_-]+/)
      .filter(word => word.length > 100)
      .map(word => Buffer.from(word, 'base64url').toString('latin1'))
    if ([text, ...inside].some(content => marks.some(mark => content.includes(mark)))) found.push(entry.name)
  }
  return found
}
