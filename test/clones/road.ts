import type { Chance, Timeline } from './timeline.ts'

/** What may happen to one request and its reply. */
export type Trouble = 'lost request' | 'lost reply' | 'delayed request' | 'delayed reply' | 'doubled request'

/** The way between one board and the hub. */
export class Road {
  readonly #timeline: Timeline
  readonly #chance: Chance
  /** The next request for a certificate meets this. */
  trouble: Trouble | undefined
  up = true
  /** Connections of another address are dead, and nobody tells. */
  address = 0
  /** One way, milliseconds. */
  latency: number

  constructor(timeline: Timeline, chance: Chance) {
    this.#timeline = timeline
    this.#chance = chance
    this.latency = chance.spread(1, 400)
  }

  /**
   * Carries a request to the hub and its answer back. A request that is on its way arrives, whatever becomes of the board; it may
   * arrive twice, or minutes later.
   *
   * @param handle what the hub does; undefined when it is not there.
   * @param answered not called when something was lost.
   * @param what only requests for a certificate meet trouble: nothing else is judged.
   */
  carry<T>(
    handle: () => T | undefined,
    answered: (answer: T | undefined) => void,
    what: 'certificate' | 'other',
  ): void {
    const trouble = what === 'certificate' ? this.trouble : undefined
    if (trouble !== undefined) this.trouble = undefined
    if (!this.up || trouble === 'lost request') return
    const late = () => this.#chance.spread(10, 400_000)
    const back = (answer: T | undefined, more = 0) => {
      if (this.up && trouble !== 'lost reply')
        this.#timeline.after(this.latency + more, () => answered(answer))
    }
    this.#timeline.after(this.latency + (trouble === 'delayed request' ? late() : 0), () => {
      const answer = handle()
      back(answer, trouble === 'delayed reply' ? late() : 0)
    })
    if (trouble === 'doubled request')
      this.#timeline.after(this.latency + late(), () => {
        // Nobody waits for the second answer.
        handle()
      })
  }
}
