import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { incidentCommand } from '../../deploy/incident/main.ts'
import { findChromium } from '../../deploy/incident/pdf.ts'
import { logCommand } from '../../log/main.ts'
import { statementHash } from '../../protocol/statement.ts'
import { disk } from '../../storage/disk.ts'
import type { Home } from '../support/hub-people.ts'
import { runHere } from '../support/in-process.ts'
import { reportOf } from '../support/reporting.ts'
import { type Camera, startTestHub, type TestHub } from '../support/test-hub.ts'

let hub: TestHub
let a: Home
let b: Home
let hall: Camera
let shop: Camera
let incidentId: string
const EVIL = '<script>alert("1")</script> & \'x\''

const incident = (...args: string[]) =>
  runHere(incidentCommand(), [...args, '--hub-data', join(hub.folder, 'hub')])
const page = (out: string, ...args: string[]) =>
  incident('page', incidentId, '--out', join(hub.folder, out), ...args)
const text = (out: string, name = 'incident.html') => readFile(join(hub.folder, out, name), 'utf8')

beforeAll(async () => {
  // Printing takes longer than all the rest.
  process.env.OWNLENS_CHROMIUM = '/no such file'
  hub = await startTestHub()
  ;[a, b] = [await hub.home(), await hub.home()]
  await hub.home()
  ;[hall, shop] = [await hub.camera(a), await hub.camera(b)]
  const totals = [{ householdId: a.id, kind: 'video' as const, things: 3, bytes: 5_000_000, opened: 0 }]
  const body = await reportOf(b, { deviceId: shop.id, says: EVIL, totals })
  await hub.client.request(b.id, body, b.founder)
  const opened = await incident(
    ...[
      'open',
      '--title',
      EVIL,
      '--cause',
      EVIL,
      '--report',
      statementHash(body.report),
      '--camera',
      hall.id,
      '--json',
    ],
  )
  incidentId = JSON.parse(opened.output).incidentId
})
afterAll(() => hub.close())

test('the page tells both directions and four kinds, who is who, and what only some entries say', async () => {
  const { code, output } = await page(
    'one',
    '--name',
    `${hall.id}=Hall`,
    '--name',
    `${a.id.slice(0, 8)}=Anna’s`,
  )
  expect(output).toContain('incident.html')
  expect(code).toBe(0)
  const html = await text('one')
  expect(html.match(/<span class="no-open">No<\/span>/g)).toHaveLength(2 * 4)
  for (const part of [
    'Anna’s',
    'Hall',
    'Camera 2',
    'Home B',
    a.id,
    shop.id,
    '3 files',
    '5.0 MB',
    'No home could look into another',
  ])
    expect(html).toContain(part)
  // Two of three homes are of this incident; the third one's entry stays closed.
  const verified = await verify('one')
  const [, opened, size] = /opens (\d+) of (\d+) entries/.exec(output) ?? []
  expect(verified).toMatchObject({ opened: Number(opened), size: Number(size), closed: 1 })
})

/** By the very command that the page prints, in the folder alone. */
async function verify(out: string): Promise<Record<string, unknown>> {
  const command = /ownlens log (verify [^\n<]+)/.exec(await text(out))?.[1]?.replaceAll("'", '') ?? ''
  const at = join(hub.folder, out)
  const args = command.split(' ').map(arg => (arg === 'log' || arg === 'records.jsonl' ? join(at, arg) : arg))
  const { code, output } = await runHere(logCommand(), [...args, '--json'])
  return code === 0 ? JSON.parse(output) : { code: /Code: (\S+)/.exec(output)?.[1] }
}

test('other affairs of the same hub stay closed: other incidents, and what a home reported of something else', async () => {
  const body = await reportOf(a, { deviceId: hall.id, says: 'OTHER REPORT' })
  await hub.client.request(a.id, body, a.founder)
  await incident('open', '--title', 'OTHER INCIDENT', '--report', statementHash(body.report))
  await page('apart')
  for (const name of ['incident.html', 'records.jsonl', 'art33-en.txt'])
    expect(await text('apart', name)).not.toMatch(/OTHER (REPORT|INCIDENT)/)
  expect(await verify('apart')).toMatchObject({ closed: 3 })
})

test('a changed record, a changed entry, another key: the folder does not verify any more', async () => {
  await page('changed')
  const records = await text('changed', 'records.jsonl')
  await writeFile(join(hub.folder, 'changed', 'records.jsonl'), records.replace('household', 'housebold'))
  expect(await verify('changed')).toEqual({ code: 'log.record' })
  await writeFile(join(hub.folder, 'changed', 'records.jsonl'), records)
  expect(await verify('changed')).toMatchObject({ closed: 3 })
  const entries = join(hub.folder, 'changed', 'log', 'tile', 'entries')
  const [bundle = ''] = await disk.list(entries)
  const [width = ''] = await disk.list(join(entries, bundle))
  const bytes = await readFile(join(entries, bundle, width))
  bytes[bytes.length - 3] = 0x30 ^ (bytes.at(-3) ?? 0)
  await writeFile(join(entries, bundle, width), bytes)
  expect((await verify('changed')).code).toMatch(/^log\.(record|tile|root)$/)
})

test('what others wrote is text: no mark-up of theirs, nothing from elsewhere, in pages and drafts', async () => {
  await page('evil', '--controller', EVIL, '--contact', EVIL)
  for (const name of await disk.list(join(hub.folder, 'evil'))) {
    if (!name.endsWith('.html')) continue
    const html = await text('evil', name)
    expect(html).not.toMatch(/<script|<img|<link|src=|url\(|@import|https?:/)
    expect(html).not.toMatch(/undefined|\[object|NaN/)
    expect(html).toContain('&lt;script&gt;')
    expect(html).toMatch(/<html lang="(en|de)">/)
  }
})

test('drafts say what the law asks for, in both languages, and mark what only the operator knows', async () => {
  await page('drafts')
  const wanted = {
    'art33-en.txt': [
      'Art. 33 (3) a',
      'Art. 33 (3) b',
      'Art. 33 (3) c',
      'Art. 33 (3) d',
      '72 hours',
      '2 homes',
      '[TO FILL IN',
    ],
    'art33-de.txt': [
      'Abs. 3 lit. a',
      'Abs. 3 lit. b',
      'Abs. 3 lit. c',
      'Abs. 3 lit. d',
      '72 Stunden',
      '2 Haushalten',
      '[AUSFÜLLEN',
    ],
    'art34-en.txt': ['What happened', 'Could anybody see into your home?', 'What you can do', 'Whom to ask'],
    'art34-de.txt': [
      'Was geschehen ist',
      'Konnte jemand in Ihre Wohnung sehen?',
      'Was Sie tun können',
      'An wen',
    ],
  }
  for (const [name, parts] of Object.entries(wanted))
    for (const part of parts) expect(await text('drafts', name)).toContain(part)
})

test('a report that something opened turns the page round', async () => {
  const totals = [{ householdId: b.id, kind: 'picture' as const, things: 2, bytes: 900, opened: 1 }]
  const body = await reportOf(a, { deviceId: hall.id, totals })
  await hub.client.request(a.id, body, a.founder)
  await incident('update', incidentId, '--report', statementHash(body.report))
  await page('opened')
  const html = await text('opened')
  expect(html).toContain('A home could look into another.')
  expect(html).toContain('<span class="open">YES</span>')
  expect(html).not.toContain('No home could look into another')
  expect(await text('opened', 'art34-en.txt')).toContain('Yes, that was possible')
})

test('the page wants a folder of its own, and is printed where Chromium is', async () => {
  const full = join(hub.folder, 'full')
  await mkdir(full)
  await writeFile(join(full, 'mine'), '')
  expect((await page('full')).output).toContain('incident.out')
  const without = await page('without')
  expect(without).toMatchObject({ code: 0 })
  expect(without.output).toContain(
    'there is no Chromium on this machine. Open the page in any browser and print it',
  )
  delete process.env.OWNLENS_CHROMIUM
  const printed = await page('with')
  const isThere = (await findChromium()) !== undefined
  if (isThere)
    expect((await readFile(join(hub.folder, 'with', 'incident.pdf'))).subarray(0, 5).toString()).toBe('%PDF-')
  expect(printed.output.includes('No PDF')).toBe(!isThere)
})
