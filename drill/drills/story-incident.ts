import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { findChromium } from '../../deploy/incident/pdf.ts'
import { disk } from '../../storage/disk.ts'
import type { Camera } from '../camera.ts'
import type { Home } from '../home.ts'
import { OperatorDesk, ownlens, report } from '../operator.ts'
import type { Stage } from '../stage.ts'

const HOUR = 3_600_000

/** Those of the story who have a name on the page. */
export interface Cast {
  readonly a: Home
  readonly anew: Home
  readonly b: Home
  readonly hall: Camera
  readonly shop: Camera
  readonly serial: string
}

/**
 * What comes after the story: a home reports, the operator answers, asks the other home, says what was wrong, mends it, closes,
 * and writes the page. Somebody who was not there checks it without network.
 */
export async function incidentOfTheStory(stage: Stage, cast: Cast, end: () => Promise<void>): Promise<void> {
  const { anew, b, hall, shop, serial } = cast
  await hall.stop()
  await shop.stop()
  // As late as it is since the camera was claimed by its new home.
  stage.ahead = 73 * HOUR
  const first = await report(stage, anew, {
    deviceId: hall.deviceId,
    says: 'Another camera has my camera’s number. Does somebody see my home, and do I see theirs?',
  })
  const desk = new OperatorDesk(stage)
  const title = 'Two cameras with one number in two homes'
  const { incidentId } = await desk.incident('open', '--title', title, '--report', first.hash.slice(0, 12))
  const id = String(incidentId)
  const second = await report(stage, b, {
    deviceId: shop.deviceId,
    says: 'The operator asked what we got of others. This is all.',
  })
  for (const { opened } of [first, second])
    stage.report.expect(opened === 0, `${opened} things of another home opened in a report`)
  const cause = `Two production lines worked offline in the same night and both gave out the number ${serial}. When their books were merged, the pair was found.`
  const fix = `The maker has given one camera a number of its own (${serial}-B). Lines draw their numbers from separate ranges now.`
  const more = [
    '--cause',
    cause,
    '--fix',
    fix,
    '--report',
    second.hash.slice(0, 12),
    '--camera',
    shop.deviceId,
  ]
  await desk.incident('update', id, '--state', 'fixing', ...more)
  await desk.incident('update', id, '--state', 'fixed', '--release', '0.2.0')
  await desk.incident('close', id)
  stage.report.do('the operator opens an incident, says cause and fix, and closes it')
  const out = stage.outcome('incident')
  const names = [cast.a, anew, b]
    .map(home => [home.id, home.name])
    .concat([hall, shop].map(one => [one.deviceId, one.name]))
  const named = names.flatMap(([of, name]) => ['--name', `${of}=${name}`])
  await desk.incident('page', id, '--out', out, ...named)
  stage.ahead = 0
  await end()
  await check(stage, cast, out)
}

/** With the hub gone: the folder alone must tell and prove everything. */
async function check(stage: Stage, { a, anew, b, hall, shop, serial }: Cast, out: string): Promise<void> {
  const { report } = stage
  const page = await readFile(join(out, 'incident.html'), 'utf8')
  const text = page.replace(/<style>[\s\S]*?<\/style>/, '').replace(/<[^>]+>/g, ' ')
  const has = (part: string) => report.expect(text.includes(part), `the page does not say “${part}”`)
  for (const part of [
    a.name,
    anew.name,
    b.name,
    hall.name,
    shop.name,
    serial,
    '0.2.0',
    'No home could look into another',
  ])
    has(part)
  for (const id of [a.id, anew.id, b.id, hall.deviceId, shop.deviceId]) has(id)
  const homes = [a, anew, b]
  for (const from of homes)
    for (const to of homes) {
      const row = new RegExp(`${from.name}\\s+→\\s+to\\s+${to.name}\\s+No\\s+No\\s+No\\s+No`)
      report.expect(
        from === to || row.test(text),
        `the page does not say all four kinds from ${from.name} to ${to.name}`,
      )
    }
  const cells = page.match(/<span class="no-open">No<\/span>/g) ?? []
  report.expect(cells.length === 6 * 4, `${cells.length} of 24 cells say that nothing could be opened`)
  for (const part of [
    'registers Hall',
    'registers Shop',
    'two cameras, one number',
    'is reset at its button',
    'is closed',
  ])
    has(part)
  report.expect(!/<script|src=|href="http|url\(/.test(page), 'the page takes something from elsewhere')
  const command = /ownlens (log verify [^\n<]+)/.exec(page)?.[1]?.replaceAll('&#39;', "'") ?? ''
  const args = command.split(/\s+/).map(arg => arg.replaceAll("'", ''))
  const verified = await ownlens([...args, '--json'], { cwd: out })
  report.expect(verified.code === undefined, `log verify: ${verified.code}`)
  const { size, opened } = JSON.parse(verified.stdout || '{}') as { size?: number; opened?: number }
  report.expect(
    (size ?? 0) > 0 && size === opened,
    `log verify opened ${opened} of ${size} records: all are of the story`,
  )
  report.do(
    `with the hub gone, \`ownlens log verify …\` finds ${size} entries; the page’s records open ${opened} of them`,
  )
  const drafts = ['art33-en', 'art33-de', 'art34-en', 'art34-de'].flatMap(name => [
    `${name}.html`,
    `${name}.txt`,
  ])
  const pdf = (await findChromium()) === undefined ? [] : ['incident.pdf']
  const there = await disk.list(out)
  for (const name of [...drafts, ...pdf, 'records.jsonl', 'log'])
    report.expect(there.includes(name), `${name} is missing`)
  for (const name of drafts.filter(one => there.includes(one))) {
    const draft = await readFile(join(out, name), 'utf8')
    report.expect(!/undefined|\[object|NaN/.test(draft), `${name} has a hole`)
  }
}
