import { parseArgs } from 'node:util'
import { COUNTERS, type Hunted, hunt, isLate, LIVES } from './doubles.ts'
import { Fleet } from './fleet.ts'

/**
 * `npm run clones`: the hub's rule about copied keys, over simulated boards, cards, networks and hubs. Prints what happened and
 * was judged; exit code 1 when an honest board was accused, or a pair of doubles not found in time.
 */
const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '100000' },
    pairs: { type: 'string', default: '400' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
})
const [events, pairs, seed] = [Number(values.events), Number(values.pairs), Number(values.seed)]
if (![events, pairs, seed].every(value => Number.isSafeInteger(value) && value >= 0)) {
  process.stderr.write('--events, --pairs and --seed are whole numbers\n')
  process.exit(2)
}
const say = (line = '') => process.stdout.write(`${line}\n`)

const began = performance.now()
const { events: happened, verdicts, alarms, days, confirmed } = new Fleet(seed).walk(events)
for (const [name, times] of [...happened].sort()) say(`${String(times).padStart(8)}  ${name}`)
say()
for (const [verdict, times] of [...verdicts].sort()) say(`${String(times).padStart(8)}  judged ${verdict}`)
say(
  `seed ${seed}: ${events} events in ${days.toFixed(0)} days, ${confirmed} restored cards confirmed by their owners, ${alarms.length} false alarms`,
)
for (const alarm of alarms.slice(0, 20)) say(`FALSE ALARM ${alarm}`)
say()

const late: Hunted[] = []
const column = (text: string, width: number) => text.padEnd(width)
say(
  `${column('two boards with one key', 38)} pairs  cloned  held  found after (s): median  most   certificates`,
)
for (const life of LIVES) {
  const hunted = Array.from({ length: pairs }, (_, index) =>
    hunt(seed * 1_000_003 + index, life, COUNTERS[index % COUNTERS.length] ?? 'copied'),
  )
  const times = hunted.flatMap(({ foundMs }) => foundMs ?? []).sort((a, b) => a - b)
  const seconds = (ms: number | undefined) => (ms === undefined ? '–' : (ms / 1000).toFixed(1))
  const ended = (how: Hunted['ended']) => hunted.filter(one => one.ended === how).length
  say(
    `${column(life, 38)} ${String(hunted.length).padStart(5)} ${String(ended('cloned')).padStart(7)} ${String(ended('held')).padStart(5)} ${seconds(times[times.length >> 1]).padStart(24)} ${seconds(times.at(-1)).padStart(5)} ${String(Math.max(...hunted.map(one => one.certificates))).padStart(8)} at most`,
  )
  late.push(...hunted.filter(isLate))
}
for (const one of late.slice(0, 20)) say(`LATE ${JSON.stringify(one)}`)
say(
  `${((performance.now() - began) / 1000).toFixed(1)} s; again: npm run clones -- --events ${events} --pairs ${pairs} --seed ${seed}`,
)
if (alarms.length > 0 || late.length > 0) process.exitCode = 1
