import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ANSWER_MS } from '../../protocol/incident.ts'
import type { Drill } from '../drill.ts'
import { OperatorDesk, ownlens, report } from '../operator.ts'

const DAY = 24 * 3_600_000
const MINUTE = 60_000

export const unansweredReport: Drill = {
  number: 30,
  name: 'an unanswered report',
  says: 'A home reports, and whoever runs the hub says nothing for three days. The hub’s own signatures show it, also after the hub is gone; a late answer is told as late.',
  async play(stage) {
    // Set up days ago: a hub whose clock goes back behind its own certificates is refused.
    stage.ahead = -10 * DAY
    const hub = await stage.hub()
    const [a] = [await stage.home(hub, 'Home A'), await stage.home(hub, 'Home B')]
    stage.ahead = -ANSWER_MS - MINUTE
    const { hash } = await report(stage, a, { deviceId: null, says: 'I see a room that is not mine.' })
    stage.ahead = 0
    stage.report.do('72 hours pass, and nobody answers')

    const listed = await ownlens(['home', 'report', '--list', '--data', a.folder])
    const line = listed.stdout.split('\n').find(text => text.includes('UNANSWERED SINCE')) ?? ''
    stage.report.expect(line !== '', `Home A is not told that nobody answered: ${listed.stdout}`)
    stage.report.tell('Home A', line.trim())
    const proof = join(stage.folder, 'proof.json')
    const written = await ownlens(['home', 'report', '--proof', proof, '--data', a.folder])
    stage.report.expect(written.code === undefined, `the proof was not written: ${written.code}`)

    const desk = new OperatorDesk(stage)
    await desk.incident('open', '--title', 'A foreign room', '--report', hash.slice(0, 12))
    const late = join(stage.folder, 'late.json')
    await ownlens(['home', 'report', '--proof', late, '--data', a.folder])
    await hub.close()

    const check = (file: string, ...more: readonly string[]) => ownlens(['incident', 'check', file, ...more])
    const silent = await check(proof, '--hub', hub.address)
    stage.report.expect(silent.stdout.includes('It was NOT answered'), `the proof of silence: ${silent.code}`)
    stage.report.tell('whoever is shown the proof', silent.stdout.trim().split('\n').at(-1) ?? '')
    const answered = await check(late)
    stage.report.expect(answered.stdout.includes('too late'), `a late answer is told as ${answered.stdout}`)
    stage.report.tell('whoever is shown the later one', answered.stdout.trim().split('\n').at(-1) ?? '')
    const mixed = { ...JSON.parse(await readFile(proof, 'utf8')), incidents: [], answer: null }
    mixed.answer = JSON.parse(await readFile(late, 'utf8')).answer
    await writeFile(proof, JSON.stringify(mixed))
    const refused = await check(proof)
    stage.report.do(`a proof out of which the answer was taken: ${refused.code}`)
    stage.report.expect(refused.code === 'report.proof', `a proof without its answer: ${refused.code}`)
    stage.measured = true
  },
}
