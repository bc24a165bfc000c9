import { isStanding } from '../../agent/identity/standing.ts'
import { HUB_GONE_MS, jittered, STANDING_MS, waitAfter } from '../../agent/pause.ts'
import type { ErrorCode } from '../../protocol/errors.ts'
import type { Answer, Certificate, Hub } from './hub.ts'
import { Road } from './road.ts'
import type { Chance, Timeline } from './timeline.ts'

const TIMEOUT_MS = 15_000
const ROSTER_MS = 60_000
const KEEPALIVE_MS = 15_000
const RENEW = { least: 60_000, most: 12 * 3600_000 }
const LASTED_MS = 60_000

/** A card: what is on it for good, and what the next power cut may take back. */
export interface Card {
  durable: number
  written?: number
}

/**
 * A board that runs the agent, as far as its certificates go: its waits are the agent's, its steps those of `publisher.ts` and
 * `identity/enrol.ts`, and it may lose power between any two of them.
 */
export class Board {
  readonly road: Road
  readonly card: Card
  readonly key: string
  readonly #timeline: Timeline
  readonly #chance: Chance
  readonly #hub: Hub
  readonly #name: string
  #starts = 0
  /** Grows with every start and stop: what belongs to an earlier life does nothing any more. */
  #life = 0
  #requests = 0
  #certificate: Certificate | undefined
  #renewAt = 0
  #failures = 0
  #session: { readonly end: () => void; readonly address: number; readonly since: number } | undefined
  #frozenUntil = 0
  on = false

  constructor(
    parts: { timeline: Timeline; chance: Chance; hub: Hub },
    { key, name, card }: { key: string; name: string; card: Card },
  ) {
    this.#timeline = parts.timeline
    this.#chance = parts.chance
    this.#hub = parts.hub
    this.road = new Road(parts.timeline, parts.chance)
    this.key = key
    this.#name = name
    this.card = card
  }

  get boot(): string {
    return `${this.#name}/${this.#starts}`
  }

  /** Whether it runs and the hub hears it. */
  get online(): boolean {
    return this.on && this.road.up
  }

  get publishes(): boolean {
    return this.#session !== undefined
  }

  start(bootMs = this.#chance.between(2000, 30_000)): void {
    if (this.on) return
    this.on = true
    this.#starts++
    this.#life++
    this.#certificate = undefined
    this.#failures = 0
    this.#step(bootMs, () => this.#attempt())
  }

  /** It ends in good order, or its process is killed: what was written stays in the machine's memory. */
  stop(): void {
    if (this.#session !== undefined) this.#hub.leave(this.#session.end)
    this.#die()
  }

  /** What had not been synced is there afterwards, or not. The hub hears nothing. */
  cutPower(): void {
    const { card } = this
    if (card.written !== undefined && this.#chance.is(0.5)) card.durable = card.written
    delete card.written
    this.#die()
  }

  /** Its machine sleeps: what is due meanwhile is done afterwards. */
  freeze(ms: number): void {
    this.#frozenUntil = this.#timeline.now + ms
  }

  /** Another address, another network: the connection is dead, and the board finds out. */
  roam(): void {
    this.road.address++
    this.road.latency = this.#chance.spread(1, 400)
    const session = this.#session
    this.#step(this.#chance.between(0, 2 * KEEPALIVE_MS), () => {
      if (session !== undefined && this.#session === session) this.#over('hub.unreachable')
    })
  }

  #die(): void {
    this.on = false
    this.#life++
    this.#session = undefined
    this.#certificate = undefined
  }

  #step(ms: number, run: () => void): void {
    const life = this.#life
    const due = () => {
      if (this.#life !== life) return
      if (this.#timeline.now < this.#frozenUntil)
        this.#timeline.after(this.#frozenUntil - this.#timeline.now, due)
      else run()
    }
    this.#timeline.after(ms, due)
  }

  #attempt(): void {
    if (this.#certificate !== undefined && this.#renewAt > this.#timeline.now) this.#fetchRoster()
    else this.#count(counter => this.#enrol(counter))
  }

  /** The number is on the card before anything is sent. */
  #count(then: (counter: number) => void): void {
    const { card } = this
    const counter = (card.written ?? card.durable) + 1
    this.#step(this.#chance.spread(0.5, 50), () => {
      card.written = counter
      this.#step(this.#chance.spread(0.5, 200), () => {
        card.durable = counter
        delete card.written
        then(counter)
      })
    })
  }

  #enrol(counter: number): void {
    this.#ask(
      () => this.#hub.nonce(this.key),
      nonce => {
        const request = `${this.boot}:${this.#requests++}`
        const asking = { key: this.key, nonce, counter, request, boot: this.boot }
        this.#ask<Answer>(
          () => this.#hub.enrol(asking),
          answer => {
            if ('refused' in answer) return this.#fail(answer.refused)
            this.#certificate = answer.given
            const half = (answer.given.notAfter - this.#hub.wall) / 2
            const wait = Math.min(Math.max(half, RENEW.least), RENEW.most)
            this.#renewAt = this.#timeline.now + wait * (1 - this.#chance.next() / 10)
            this.#fetchRoster()
          },
          { what: 'certificate' },
        )
      },
    )
  }

  #fetchRoster(): void {
    const certificate = this.#certificate
    if (certificate === undefined) return
    this.#ask(
      () => this.#hub.counts(certificate),
      counts => (counts ? this.#enter(certificate) : this.#fail('hub.forbidden')),
    )
  }

  #enter(certificate: Certificate): void {
    let ended = false
    const end = () => {
      ended = true
      this.#endedByHub(end)
    }
    this.#ask(
      () => this.#hub.enter(certificate, end),
      entered => {
        if (!entered) return this.#fail('broker.refused')
        this.#session = { end, address: this.road.address, since: this.#timeline.now }
        if (ended) return this.#over('hub.unreachable')
        const session = this.#session
        this.#step(Math.max(1000, this.#renewAt - this.#timeline.now), () => {
          if (this.#session !== session) return
          this.#hub.leave(end)
          this.#session = undefined
          this.#certificate = undefined
          this.#failures = 0
          this.#attempt()
        })
        this.#pollRoster(session)
      },
    )
  }

  /** The connection's end travels as everything does; where the way is gone, the next sign of life that stays unanswered tells. */
  #endedByHub(end: () => void): void {
    const session = this.#session
    if (session === undefined || session.end !== end) return
    const arrives = this.road.up && this.road.address === session.address
    const notice = () => {
      if (this.#session !== session) return
      if (this.road.up) this.#over('hub.unreachable')
      else this.#step(this.#chance.between(1000, KEEPALIVE_MS), notice)
    }
    this.#step(arrives ? this.road.latency : this.#chance.between(0, KEEPALIVE_MS), notice)
  }

  #pollRoster(session: object): void {
    this.#step(jittered(ROSTER_MS, this.#chance.next()), () => {
      const certificate = this.#certificate
      if (this.#session !== session || certificate === undefined) return
      this.#ask(
        () => this.#hub.counts(certificate),
        counts => {
          if (this.#session !== session) return
          if (counts) this.#pollRoster(session)
          else this.#over('hub.forbidden')
        },
        { unreachable: () => this.#session === session && this.#over('hub.unreachable') },
      )
    })
  }

  #over(code: ErrorCode): void {
    if (this.#session !== undefined) {
      this.#hub.leave(this.#session.end)
      if (this.#timeline.now - this.#session.since > LASTED_MS) this.#failures = 0
    }
    this.#session = undefined
    this.#fail(code)
  }

  #fail(code: ErrorCode): void {
    if (code !== 'hub.unreachable') this.#certificate = undefined
    const waits = isStanding(code) ? STANDING_MS : HUB_GONE_MS
    this.#step(jittered(waitAfter(this.#failures++, waits), this.#chance.next()), () => this.#attempt())
  }

  /** One request with the client's time limit. A hub that is down refuses the connection. */
  #ask<T>(
    handle: () => T,
    then: (answer: T) => void,
    {
      unreachable = () => this.#fail('hub.unreachable'),
      what = 'other',
    }: { unreachable?: () => void; what?: 'certificate' | 'other' } = {},
  ): void {
    let settled = false
    const settle = (how: () => void) => {
      if (settled) return
      settled = true
      how()
    }
    this.#step(TIMEOUT_MS, () => settle(unreachable))
    const life = this.#life
    this.road.carry(
      () => (this.#hub.up ? handle() : undefined),
      answer => {
        if (this.#life !== life) return
        this.#step(0, () => settle(() => (answer === undefined ? unreachable() : then(answer))))
      },
      what,
    )
  }
}
