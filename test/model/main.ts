import { parseArgs } from 'node:util'
import { FAULT_NAMES } from './faults.ts'
import { run, shortest } from './run.ts'

function refuse(why: string): never {
  process.stderr.write(`${why}\n`)
  process.exit(2)
}

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '10000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    fault: { type: 'string' },
  },
})
const fault = FAULT_NAMES.find(name => name === values.fault)
if (values.fault !== undefined && fault === undefined) refuse(`faults: ${FAULT_NAMES.join('; ')}`)
const [steps, seed] = [Number(values.steps), Number(values.seed)]
if (!(Number.isInteger(steps) && steps > 0 && Number.isInteger(seed)))
  refuse('--steps and --seed are whole numbers')
const say = (line = '') => process.stdout.write(`${line}\n`)

const began = performance.now()
const cpuBefore = process.cpuUsage()
const ran = await run({ steps, seed, ...(fault && { fault }) })
const seconds = (performance.now() - began) / 1000
const { user, system } = process.cpuUsage(cpuBefore)
const cpu = (user + system) / 1000
const { tally } = ran
say('step                       taken   ms each  ms all')
for (const [name, count] of [...tally.steps].sort()) {
  const all = tally.milliseconds.get(name) ?? 0
  say(
    `${name.padEnd(24)} ${String(count).padStart(7)} ${(all / count).toFixed(1).padStart(9)} ${all.toFixed(0).padStart(7)}`,
  )
}
say()
for (const [outcome, count] of [...tally.done].sort()) say(`${String(count).padStart(7)}  ${outcome}`)
say()
say('refused with')
for (const [code, count] of [...tally.refusals].sort()) say(`${code.padEnd(24)} ${String(count).padStart(7)}`)
say()
const each = (milliseconds: number) => `${(milliseconds / ran.steps).toFixed(2)} ms`
const pace = `${seconds.toFixed(1)} s; a step took ${each(1000 * seconds)}, ${each(cpu)} of them computing`
say(`seed ${seed}: ${ran.steps} steps in ${ran.walks} walks, ${pace}`)
if (ran.found === undefined) say('no invariant was broken')
else {
  const { steps: least, walked } = await shortest(ran.found, fault)
  say(`BROKEN: ${walked.violation?.message}`)
  say(`shortest sequence, ${least.length} steps:`)
  for (const line of walked.trace) say(`  ${line}`)
  say(walked.violation?.stack)
  say(`again: npm run model -- --seed ${seed} --steps ${steps}${fault ? ` --fault '${fault}'` : ''}`)
  process.exitCode = 1
}
