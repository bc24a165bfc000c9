import { type FleetOutcome, hasPassed } from './outcome.ts'

const WIDTH = 1200
const LEFT = 190
const RIGHT = 20
const TOP = 64
const CHART = 90
/** More cameras than that are not drawn one by one: the first ones are, and those with something wrong. */
const ROWS_MAX = 60
const ROW = 14

/** What happened, as an SVG: a line for each camera with its visits, clips and faults; memory and cores above. */
export function plot(outcome: FleetOutcome): string {
  const { devices, events, runs, samples, scenario, seed } = outcome
  const end = Math.max(runs, samples.at(-1)?.at ?? 0)
  const x = (at: number) =>
    (LEFT + (Math.min(Math.max(at, 0), end) / end) * (WIDTH - LEFT - RIGHT)).toFixed(1)
  const drawn = devices
    .filter(({ wrong }, index) => index < ROWS_MAX || wrong.length > 0)
    .slice(0, 2 * ROWS_MAX)
  const rowsTop = TOP + CHART + 40
  const height = rowsTop + drawn.length * ROW + 40
  const rows = drawn.map((device, index) => {
    const y = rowsTop + index * ROW
    const visits = events.flatMap(event =>
      event.what === 'visit' && event.device === device.name
        ? [`<line class="visit" x1="${x(event.at)}" x2="${x(event.at)}" y1="${y}" y2="${y + 10}"/>`]
        : [],
    )
    const clips = device.keptAt.map(at => `<circle class="clip" cx="${x(at)}" cy="${y + 5}" r="2.5"/>`)
    const faults = device.faults.map(
      ({ fault, beganAt, endedAt, backMs }) =>
        `<rect class="${backMs === 'never' ? 'never' : 'fault'}" x="${x(beganAt)}" y="${y}" width="${Math.max(2, Number(x(endedAt)) - Number(x(beganAt)))}" height="10"><title>${text(fault)}</title></rect>`,
    )
    const wrong = device.wrong.length > 0 ? ' wrong' : ''
    const label = `<text class="name${wrong}" x="${LEFT - 8}" y="${y + 9}">${text(device.name)}</text>`
    return [label, ...faults, ...visits, ...clips].join('')
  })
  const ticks = Array.from({ length: 7 }, (_, index) => {
    const at = (end * index) / 6
    return `<line class="grid" x1="${x(at)}" x2="${x(at)}" y1="${TOP}" y2="${height - 30}"/><text class="tick" x="${x(at)}" y="${height - 14}">${Math.round(at / 1000)} s</text>`
  })
  const title = `${scenario}, seed ${seed}: ${devices.length} cameras, ${hasPassed(outcome) ? 'passed' : 'FAILED'}`
  const left = devices.length - drawn.length
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif">
<style>${STYLE}</style><rect width="${WIDTH}" height="${height}" fill="#fff"/>
<text class="title" x="${LEFT}" y="24">${text(title)}</text>
<text class="legend" x="${LEFT}" y="44">| somebody comes   ● a clip is kept   <tspan fill="#c98b00">■</tspan> a fault   <tspan fill="#c00">■</tspan> not back after it${left > 0 ? `   (${left} more cameras are not drawn)` : ''}</text>
${ticks.join('\n')}
${chart(samples, x)}
${rows.join('\n')}
</svg>
`
}

/** Memory of the fleet's process, and cores of it and the hub. */
function chart(samples: FleetOutcome['samples'], x: (at: number) => string): string {
  const most = Math.max(1, ...samples.map(({ fleet }) => fleet.bytes))
  const memory = samples.map(
    ({ at, fleet }) => `${x(at)},${(TOP + CHART - (fleet.bytes / most) * CHART).toFixed(1)}`,
  )
  const cores = samples.slice(1).map((sample, index) => {
    const before = samples[index] ?? sample
    const seconds = Math.max(0.001, (sample.at - before.at) / 1000)
    const used =
      sample.fleet.cpuSeconds - before.fleet.cpuSeconds + sample.hub.cpuSeconds - before.hub.cpuSeconds
    return { at: sample.at, cores: Math.max(0, used / seconds) }
  })
  const busiest = Math.max(1, ...cores.map(one => one.cores))
  const busy = cores.map(one => `${x(one.at)},${(TOP + CHART - (one.cores / busiest) * CHART).toFixed(1)}`)
  return `<polyline class="cores" points="${busy.join(' ')}"/><polyline class="memory" points="${memory.join(' ')}"/>
<text class="axis memory-text" x="${LEFT - 8}" y="${TOP + 10}">${Math.round(most / 2 ** 20)} MiB</text>
<text class="axis cores-text" x="${LEFT - 8}" y="${TOP + 26}">${busiest.toFixed(1)} cores</text>
<text class="axis" x="${LEFT - 8}" y="${TOP + CHART}">0</text>`
}

const text = (plain: string): string =>
  plain.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

const STYLE = [
  '.title{font-size:16px;font-weight:bold}.legend,.tick,.name,.axis{font-size:11px;fill:#333}',
  '.name,.axis{text-anchor:end}.tick{text-anchor:middle}.wrong{fill:#c00;font-weight:bold}',
  '.grid{stroke:#e4e4e4}.visit{stroke:#777}.clip{fill:#1668b8}.fault{fill:#f0c05a}.never{fill:#c00}',
  '.memory{fill:none;stroke:#2a7f3f;stroke-width:1.5}.cores{fill:none;stroke:#b07cc6}',
  '.memory-text{fill:#2a7f3f}.cores-text{fill:#8a4fa8}',
].join('')
