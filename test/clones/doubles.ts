import { Board } from './board.ts'
import { Hub, type HubFault, type Judged } from './hub.ts'
import { Chance, Timeline } from './timeline.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** How two boards with one key live. */
export const LIVES = [
  'online together',
  'one off for hours, then both',
  'one unheard for hours, then both',
  'alternately, both running',
  'alternately, started anew each time',
] as const
export type Life = (typeof LIVES)[number]

/** How the double's counter stands to the other's when it begins. */
export const COUNTERS = ['copied', 'ahead', 'behind'] as const

/** What became of one pair. */
export interface Hunted {
  readonly life: Life
  readonly counter: (typeof COUNTERS)[number]
  /** From the moment on at which both were online until `cloned`, milliseconds; undefined where they never were. */
  readonly foundMs: number | undefined
  /** Certificates that this key still got after both boards had asked for one; none once it is held or cloned. */
  readonly certificates: number
  readonly ended: 'cloned' | 'held' | 'not found'
}

/** After this nobody waits any more. */
const PATIENCE = { togetherMs: 10 * MINUTE, turns: 40 }

/** A board lives for a while, its card is copied into a second board, and both live on. */
export function hunt(seed: number, life: Life, counter: Hunted['counter'], fault?: HubFault): Hunted {
  const chance = new Chance(seed)
  const timeline = new Timeline()
  const asked = new Set<string>()
  let certificates = 0
  let state: Hunted['ended'] = 'not found'
  const judged: Judged = ({ boot }, verdict) => {
    if (asked.size === 2 && verdict === 'fresh') certificates++
    // A boot is named after its board.
    asked.add(boot.slice(0, 1))
    if (verdict === 'cloned') state = 'cloned'
    if (verdict === 'held' && state !== 'cloned') state = 'held'
  }
  const hub = new Hub(timeline, judged, fault)
  const parts = { timeline, chance, hub }
  const one = new Board(parts, { key: 'key', name: 'A', card: { durable: 0 } })
  const wait = (ms: number, holds?: () => boolean) => timeline.runUntil(timeline.now + ms, holds)
  const cloned = () => state === 'cloned'

  one.start()
  for (let start = chance.below(6); start > 0; start--) {
    wait(chance.spread(1000, 5 * HOUR))
    if (chance.is(0.5)) one.cutPower()
    else one.stop()
    one.start()
  }
  wait(chance.spread(5 * MINUTE, 20 * HOUR))
  const shift = { copied: 0, ahead: 1 + chance.below(1000), behind: -Math.min(one.card.durable, 1) }[counter]
  const two = new Board(parts, { key: 'key', name: 'B', card: { durable: one.card.durable + shift } })
  asked.clear()
  // What the first one has, it got before there was a second.
  if (one.publishes) asked.add('A')

  let together: number | undefined
  if (life === 'online together') two.start(0)
  else if (life === 'one off for hours, then both' || life === 'one unheard for hours, then both') {
    const off = life === 'one off for hours, then both'
    if (off) one.stop()
    else one.road.up = false
    two.start()
    wait(chance.spread(HOUR, 30 * HOUR))
    if (off) one.start(0)
    else one.road.up = true
  } else alternate()
  if (!life.startsWith('alternately')) {
    together = timeline.now
    wait(PATIENCE.togetherMs, cloned)
  }
  const foundMs = together !== undefined && cloned() ? timeline.now - together : undefined
  return { life, counter, foundMs, certificates, ended: state }

  /** One of them at a time: the other is off, or runs without a network. */
  function alternate(): void {
    const running = life === 'alternately, both running'
    const pair = [one, two] as const
    two.road.up = false
    if (running) two.start()
    // Who starts anew each time never comes again: then a used number is all that there is to see.
    const seen = () => cloned() || (state === 'held' && !running)
    for (let turn = 0; turn < PATIENCE.turns && !seen(); turn++) {
      const [now, other] = turn % 2 === 0 ? [pair[1], pair[0]] : pair
      if (running) other.road.up = false
      else if (other.on) other.cutPower()
      now.road.up = true
      if (!running) now.start()
      wait(chance.spread(2 * MINUTE, 20 * HOUR), seen)
    }
  }
}

/** Whether it took too long. Both online: over a minute. Else: the key was given more than one further certificate. */
export function isLate({ foundMs, life, certificates, ended }: Hunted): boolean {
  if (!life.startsWith('alternately')) return foundMs === undefined || foundMs > MINUTE
  return ended === 'not found' || certificates > 1
}
