import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { IncidentDesk } from '../../deploy/incident/desk.ts'
import { incidentCommand } from '../../deploy/incident/main.ts'
import { takeNews } from '../../home/command.ts'
import { homeCommand } from '../../home/main.ts'
import { freezeReport, sendReports } from '../../home/report.ts'
import { ReportFiles } from '../../home/report-files.ts'
import { reportsOf } from '../../home/report-state.ts'
import { codeOf } from '../../protocol/errors.ts'
import { ANSWER_MS, type Incident, incidentKind, reportKind } from '../../protocol/incident.ts'
import { writePart } from '../../protocol/part.ts'
import { reportsAnswer } from '../../protocol/registrar.ts'
import { sealBytes } from '../../protocol/sealed.ts'
import { makeStatement, readStatement } from '../../protocol/statement.ts'
import { disk } from '../../storage/disk.ts'
import { operatorOf } from '../../wire/operator.ts'
import { runCommand } from '../support/command.ts'
import { type HomeAtHub, homeAtHub } from '../support/home-at-hub.ts'
import { runHere } from '../support/in-process.ts'

let world: HomeAtHub
/** The hub was set up days ago: one whose clock goes back behind its own certificates is refused. */
let ahead = -10 * 24 * 3_600_000
const hubData = () => ['--hub-data', join(world.folder, 'hub')]
const home = (...args: string[]) => runHere(homeCommand(), [...args, '--data', join(world.folder, 'home')])
const incident = (...args: string[]) => runHere(incidentCommand(), args)
const json = async (run: Promise<{ code: number | null; output: string }>) => {
  const { code, output } = await run
  return { code, ...JSON.parse(output.trim().split('\n').at(-1) ?? '') }
}

beforeAll(async () => {
  world = await homeAtHub({ suite: 'x25519', hub: { now: () => new Date(Date.now() + ahead) } })
  ahead = 0
})
afterAll(() => world.close())

/** A report whose time is over, and the hub's own word on that in a proof. */
async function reportOfSilence() {
  ahead = -ANSWER_MS - 60_000
  const files = new ReportFiles(disk, join(world.folder, 'home'))
  const about = { deviceId: null, says: 'Nobody answers.', seenAt: new Date(), foreign: [], notices: [] }
  const hash = await freezeReport(world.home, files, about, new Date(Date.now() + ahead))
  expect(await sendReports(world.home, files)).toContain(hash)
  ahead = 0
  await home('report', '--list')
  return { hash, proof: join(world.folder, 'silent.json') }
}

const OTHER = 'b'.repeat(51).concat('a')
const CAMERA = 'c'.repeat(51).concat('q')

test('a report that nobody answers: the clock runs out, and the hub’s own word proves it to anybody', async () => {
  // Three days ago; certificates of that day would have ended, and a report needs none.
  ahead = -ANSWER_MS - 60_000
  const files = new ReportFiles(disk, join(world.folder, 'home'))
  const nothing = {
    deviceId: null,
    says: 'This is not my home.',
    seenAt: new Date(),
    foreign: [],
    notices: [],
  }
  await freezeReport(world.home, files, nothing, new Date(Date.now() + ahead))
  expect(await sendReports(world.home, files)).toHaveLength(1)
  ahead = 0
  const late = await home('report', '--list')
  expect(late).toMatchObject({ code: 1 })
  expect(late.output).toContain('UNANSWERED SINCE')
  const proof = join(world.folder, 'proof.json')
  expect(await home('report', '--proof', proof)).toMatchObject({ code: 0 })
  // A process of its own, as anybody would run it.
  const checked = await runCommand(['incident', 'check', proof, '--hub', world.hub.address])
  expect(checked).toMatchObject({ code: 0 })
  expect(checked.output).toContain('It was NOT answered')
  const text = await readFile(proof, 'utf8')
  const refused = async (changed: object) => {
    await writeFile(proof, JSON.stringify({ ...JSON.parse(text), ...changed }))
    const { code, output } = await incident('check', proof)
    if (code === 0) return undefined
    return /Code: (\S+)/.exec(output)?.[1]
  }
  const { receipt, report, answer: silent } = JSON.parse(text)
  expect(await refused({ caId: OTHER })).toBe('hub.ca')
  expect(await refused({ answer: receipt })).toBe('statement.kind')
  expect(await refused({ report: `${report.slice(0, -4)}AAAA` })).toBe('statement.signature')
  expect(await refused({ answer: null })).toBeUndefined()
  expect(await refused({ answer: null, silent })).toBeUndefined()
  await writeFile(proof, text)
  expect(await incident('check', proof, '--hub', OTHER)).toMatchObject({ code: 1 })
})

test('what a person found of another home is counted and tried, never opened by chance, and never sent', async () => {
  const { home: household, folder } = world
  const found = join(folder, 'found')
  const lay = async (path: string, bytes: Uint8Array) => {
    await mkdir(dirname(join(found, path)), { recursive: true })
    await writeFile(join(found, path), bytes)
  }
  const own = household.roster.members[0]?.recipients.x25519 ?? ''
  const foreign = await sealBytes(Buffer.from('a face'), [
    'age1lvyvwawkr0mcnnnncaghunadrqkmuf9e6507x9y920xxpp866cnql7dp2z',
  ])
  const clip = `${OTHER}/1/${CAMERA}/${'d'.repeat(26)}`
  await lay(`${clip}/0`, writePart('video', foreign.subarray(0, 100)))
  await lay(`${clip}/1`, writePart('video', foreign.subarray(100)))
  await lay(`ownlens/1/${OTHER}/1/${CAMERA}/alert/1`, foreign)
  await lay(`ownlens/1/${OTHER}/1/${CAMERA}/alert/2`, await sealBytes(Buffer.from('ours'), [own]))
  await lay(`ownlens/1/${household.id}/1/${CAMERA}/alert`, foreign)
  await lay('a photograph of the screen.jpg', Buffer.from('\xff\xd8\xff'))
  const made = await json(home('report', '--evidence', found, '--says', 'a child I do not know', '--json'))
  expect(made).toMatchObject({ code: 0, foreign: 4, opened: 1, sent: true })
  const kept = JSON.parse(
    await readFile(join(folder, 'home', 'reports', made.report, 'evidence.json'), 'utf8'),
  )
  const sums = kept.totals.filter((total: { householdId: string }) => total.householdId === OTHER)
  expect(
    sums.map((total: { kind: string; things: number; opened: number }) => [
      total.kind,
      total.things,
      total.opened,
    ]),
  ).toEqual([
    ['video', 1, 0],
    ['picture', 2, 1],
    ['sound', 1, 0],
    ['faces', 2, 1],
  ])
  expect(kept.foreign[0]).toMatchObject({ opened: true })
  const listed = await home('report', '--list')
  expect(listed.output).toMatch(/72 h 0 min left|71 h 59 min left/)
  const atHub = await readFile(join(folder, 'hub', 'evidence', made.report, 'evidence.json'))
  expect(atHub.includes('a face')).toBe(false)
})

test('an answer is seen by the home, even a late one; the operator sees what waits', async () => {
  const { reports } = await json(incident('list', ...hubData(), '--json'))
  const { hash, receivedAt } = reports.at(-1)
  expect((await incident('list', ...hubData())).output).toContain(hash.slice(0, 12))
  const opened = await json(
    incident('open', '--title', 'Two homes', '--report', hash.slice(0, 10), ...hubData(), '--json'),
  )
  expect(opened).toMatchObject({ code: 0, number: 1, state: 'open', reports: [hash] })
  // The operator knows of it since the report came, not since it was answered.
  expect(opened.awareAt).toBe(receivedAt)
  const id = opened.incidentId
  const words = [
    '--cause',
    'one serial twice',
    '--fix',
    'keys decide',
    '--release',
    '0.2.0',
    '--state',
    'fixed',
  ]
  expect(await incident('update', id.slice(0, 9), ...words, ...hubData())).toMatchObject({ code: 0 })
  expect(await json(incident('close', id, ...hubData(), '--json'))).toMatchObject({
    state: 'closed',
    fix: 'keys decide',
  })
  const { code, output } = await home('report', '--list')
  expect(code).toBe(0)
  expect(output).not.toContain('UNANSWERED')
  expect(output).toContain('Answered TOO LATE')
  for (const text of ['Two homes', 'one serial twice', 'keys decide (release 0.2.0)', 'is closed'])
    expect(output).toContain(text)
  expect((await incident('list', ...hubData())).output).not.toContain(hash.slice(0, 12))
})

test('an id that is none, and a time that is none, are refused before anything is asked', async () => {
  for (const wrong of [
    ['--camera', 'Hall'],
    ['--aware', 'yesterday, about noon'],
  ]) {
    const { code, output } = await runCommand(['incident', 'open', '--title', 'x', ...wrong])
    expect(code).toBe(2)
    expect(output).toContain('wanted')
  }
})

test('an answer that the operator has dated back does not undo the hub’s own word that it was silent', async () => {
  const { hash, proof } = await reportOfSilence()
  const operator = await operatorOf(disk, join(world.folder, 'hub'))
  const desk = new IncidentDesk(operator)
  const { issuedAt, ...opened } = await desk.open({ title: 'Dated back', reports: [hash] })
  const early = { ...opened, number: 2, issuedAt: new Date(Date.now() - 2 * ANSWER_MS).toISOString() }
  const say = async (word: object) =>
    operator.hub
      .request(
        null,
        {
          action: 'incident',
          incident: await makeStatement(incidentKind, word as Incident, operator.signer),
        },
        operator.signer,
      )
      .then(() => undefined, codeOf)
  const ahead = { ...opened, number: 3, issuedAt: new Date(Date.parse(issuedAt) + 3_600_000).toISOString() }
  expect(await say(ahead)).toBe('incident.time')
  expect(await say(early)).toBeUndefined()
  expect((await home('report', '--list')).output).toContain('Answered TOO LATE')
  expect(await home('report', '--proof', proof, '--of', hash.slice(0, 12))).toMatchObject({ code: 0 })
  const told = await incident('check', proof)
  expect(told.output).toContain('The hub itself had signed')
  expect(told.output).toContain('too late')
  // Who takes the silence out of the file has one that says less; who takes the answer out, none that is believed.
  const text = JSON.parse(await readFile(proof, 'utf8'))
  const checked = async (changed: object) => {
    await writeFile(proof, JSON.stringify({ ...text, ...changed }))
    return (await incident('check', proof)).output
  }
  expect(await checked({ silent: text.answer })).toContain('report.proof')
  expect(await checked({ incidents: [] })).toContain('report.proof')
  expect(await checked({ answer: null })).toContain('report.proof')
  expect(await checked({ answer: null, incidents: [] })).toContain('It was NOT answered')
})

test('a report names the head of the hub’s log that this app holds', async () => {
  const { report } = await json(home('report', '--says', 'with its head', '--json'))
  const [one] = (await new ReportFiles(disk, join(world.folder, 'home')).all()).filter(
    ({ hash }) => hash === report,
  )
  const { log } = (await readStatement(reportKind, one?.report ?? '', 'itself')).payload
  const { heads } = JSON.parse(one?.evidence ?? '')
  expect(log?.size).toBeGreaterThan(0)
  expect(heads).toHaveLength(1)
  expect(heads[0].split('\n').slice(1, 3)).toEqual([String(log?.size), log?.root])
})

test('of many reports the hub lists the newest; the app does not take the older ones for denied', async () => {
  const url = `/households/${world.home.id}/reports`
  const { tls } = await takeNews(world.home)
  const answer = await world.home.hub.getJson(url, tls, reportsAnswer)
  expect(answer.earlier).toBe(0)
  expect(answer.reports.length).toBeGreaterThan(2)
  const files = new ReportFiles(disk, join(world.folder, 'home'))
  const listed = async (earlier: number) => {
    const asked = vi.spyOn(world.home.hub, 'getJson')
    asked.mockResolvedValueOnce({ ...answer, reports: answer.reports.slice(0, 2), earlier })
    const { reports } = await reportsOf(world.home, files, tls)
    asked.mockRestore()
    return reports.filter(({ state }) => state === 'denied').length
  }
  expect(await listed(0)).toBe(answer.reports.length - 2)
  expect(await listed(answer.reports.length - 2)).toBe(0)
})

test('without the hub a report is frozen all the same, and sent when the hub is back; a hub that forgets is caught', async () => {
  const before = join(world.folder, 'before')
  let unsent = { code: 0, output: '' }
  await world.restart(async () => {
    await cp(join(world.folder, 'hub'), before, { recursive: true })
    unsent = await home('report', '--says', 'while the hub is gone')
  })
  expect(unsent).toMatchObject({ code: 1 })
  expect(unsent.output).toContain('could not be reached')
  const found = await json(home('report', '--list', '--json'))
  expect(found.reports.map(({ state }: { state: string }) => state)).toEqual([
    'late',
    'late',
    'waiting',
    'waiting',
    'waiting',
  ])
  await world.restart(async () => {
    for (const name of ['registrar.db', 'registrar.db-wal', 'registrar.db-shm'])
      await cp(join(before, name), join(world.folder, 'hub', name), { force: true }).catch(() => undefined)
  })
  const denied = await home('report', '--list')
  expect(denied.code).toBe(1)
  expect(denied.output).toContain('though it has signed for it')
})
