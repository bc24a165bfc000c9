import { Board } from './board.ts'
import { Hub, type HubFault, type Judged } from './hub.ts'
import { Chance, Timeline } from './timeline.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const BOARDS = 20

/** What happens to honest boards and their hub, and how often beside the others. */
const EVENTS = {
  reboot: 14,
  'power cut': 14,
  'power cut while it starts': 14,
  'lost request': 8,
  'lost reply': 8,
  'delayed request': 10,
  'delayed reply': 6,
  'doubled request': 8,
  'another address': 8,
  'out of reach': 8,
  'asleep with a clock that stands': 4,
  'card restored': 1,
  'card kept as a backup': 1,
  'hub started again': 3,
  'hub backed up': 2,
  'hub restored from a backup': 1,
  'hub with another CA': 1,
  'hub with a wrong clock': 2,
} as const
export type EventName = keyof typeof EVENTS

/** What a walk came to. */
export interface Walked {
  readonly events: Map<EventName, number>
  readonly verdicts: Map<string, number>
  /** Verdicts against boards that had done nothing but live: `cloned`, or `held` without a restored card. */
  readonly alarms: string[]
  /** How often an owner had to confirm that a card was restored. */
  confirmed: number
  days: number
}

/** Twenty honest boards at one hub live through so many events, and whatever lies between them. */
export class Fleet {
  readonly walked: Walked = { events: new Map(), verdicts: new Map(), alarms: [], confirmed: 0, days: 0 }
  readonly #timeline = new Timeline()
  readonly #chance: Chance
  readonly #hub: Hub
  readonly #boards: Board[]
  /** Facts: whose card was set back and not confirmed since. */
  readonly #setBack = new Set<string>()
  readonly #kept = new Map<Board, number>()
  readonly #asked = new Set<string>()
  #backup: ReturnType<Hub['backup']>

  constructor(seed: number, fault?: HubFault) {
    this.#chance = new Chance(seed)
    const judged: Judged = ({ key, boot, counter }, verdict) => {
      count(this.walked.verdicts, verdict)
      if (verdict === 'held') this.#askOwner(key)
      if (verdict === 'cloned' || (verdict === 'held' && !this.#setBack.has(key)))
        this.walked.alarms.push(`${key} ${verdict}: boot ${boot}, counter ${counter}, seed ${seed}`)
    }
    this.#hub = new Hub(this.#timeline, judged, fault)
    const parts = { timeline: this.#timeline, chance: this.#chance, hub: this.#hub }
    this.#boards = Array.from({ length: BOARDS }, (_, index) => {
      const key = `board ${index}`
      return new Board(parts, { key, name: key, card: { durable: 0 } })
    })
    for (const board of this.#boards) board.start()
    this.#backup = this.#hub.backup()
  }

  /** @param most after so many false alarms it is known well enough. */
  walk(events: number, most = 20): Walked {
    const names = Object.entries(EVENTS).flatMap(([name, weight]) =>
      Array.from({ length: weight }, () => name as EventName),
    )
    for (let done = 0; done < events && this.walked.alarms.length < most; done++) {
      // Often in the middle of things, sometimes hours later.
      this.#timeline.runUntil(this.#timeline.now + this.#chance.spread(1, HOUR / 3))
      const name = names[this.#chance.below(names.length)] ?? 'reboot'
      this.#happens(name, this.#boards[this.#chance.below(BOARDS)] as Board)
      count(this.walked.events, name)
    }
    this.#timeline.runUntil(this.#timeline.now + 13 * HOUR)
    this.walked.days = this.#timeline.now / (24 * HOUR)
    return this.walked
  }

  #happens(name: EventName, board: Board): void {
    const chance = this.#chance
    switch (name) {
      case 'reboot':
        board.stop()
        board.start()
        break
      case 'power cut':
        board.cutPower()
        this.#later(chance.spread(1, HOUR), () => board.start())
        break
      case 'power cut while it starts':
        board.cutPower()
        board.start(chance.between(0, 2000))
        this.#later(chance.spread(1, 10_000), () => {
          board.cutPower()
          this.#later(chance.spread(1, MINUTE), () => board.start())
        })
        break
      case 'lost request':
      case 'lost reply':
      case 'delayed request':
      case 'delayed reply':
      case 'doubled request':
        this.#trouble(board, name)
        break
      case 'another address':
        board.roam()
        break
      case 'out of reach':
        board.road.up = false
        this.#later(chance.spread(1000, 20 * HOUR), () => {
          board.road.up = true
          if (chance.is(0.5)) board.roam()
        })
        break
      case 'asleep with a clock that stands':
        board.freeze(chance.spread(1000, 20 * HOUR))
        break
      default:
        this.#rarer(name, board)
        break
    }
  }

  #rarer(name: EventName, board: Board): void {
    const chance = this.#chance
    const [hub, gone] = [this.#hub, chance.spread(500, 10 * MINUTE)]
    switch (name) {
      case 'card kept as a backup':
        this.#kept.set(board, board.card.durable)
        return
      case 'card restored': {
        const kept = this.#kept.get(board)
        if (kept === undefined) return
        board.cutPower()
        board.card.durable = kept
        this.#setBack.add(board.key)
        board.start()
        break
      }
      case 'hub backed up':
        this.#backup = hub.backup()
        return
      case 'hub restored from a backup':
        hub.restore(this.#backup, gone)
        // What was confirmed since is not confirmed any more.
        for (const { key, card } of this.#boards)
          if (hub.isHeld(key) || card.durable < hub.spent(key)) this.#setBack.add(key)
        return
      case 'hub with another CA':
        hub.rollOver(gone)
        break
      case 'hub with a wrong clock':
        hub.setClock(chance.of([0, -30 * 24 * HOUR, 30 * 24 * HOUR, -HOUR, HOUR]))
        break
      default:
        hub.restart(gone)
        break
    }
  }

  /** The home is told, and its owner confirms sooner or later. */
  #askOwner(key: string): void {
    if (this.#asked.has(key)) return
    this.#asked.add(key)
    this.#later(this.#chance.spread(10_000, HOUR), () => {
      this.#asked.delete(key)
      if (!this.#hub.isHeld(key)) return
      this.#hub.confirm(key)
      this.#setBack.delete(key)
      this.walked.confirmed++
    })
  }

  /** The next request meets it; mostly one that comes soon, from a board that may start again in the middle of it. */
  #trouble(board: Board, name: Board['road']['trouble']): void {
    board.road.trouble = name
    const how = this.#chance.below(4)
    if (how === 0) return
    board.stop()
    board.start(this.#chance.between(0, 2000))
    if (how === 1) return
    this.#later(this.#chance.spread(100, 30_000), () => {
      if (how === 2) board.cutPower()
      else board.stop()
      board.start(this.#chance.between(0, 2000))
    })
  }

  #later(ms: number, run: () => void): void {
    this.#timeline.after(ms, run)
  }
}

function count<K>(tally: Map<K, number>, what: K): void {
  tally.set(what, (tally.get(what) ?? 0) + 1)
}
