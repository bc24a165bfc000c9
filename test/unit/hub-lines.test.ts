import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Arrivals } from '../../deploy/hub/arrivals.ts'
import { BOOTS_MAX, begin, type History, judge, UNSEEN, type Verdict } from '../../deploy/hub/lines.ts'

/** What a board is, and nothing of the rule: a counter on its card, a boot in its memory, a request that it may send again. */
class Board {
  #saved = 0
  #boot = 0
  #last: { counter: number; request: string } | undefined
  readonly #name: string
  #requests = 0

  constructor(name: string) {
    this.#name = name
  }

  get boot(): string {
    return `${this.#name}/${this.#boot}`
  }

  restart(): void {
    this.#boot++
    this.#last = undefined
  }

  /** The number is on the card before anything is sent. */
  ask(): { counter: number; request: string; boot: string } {
    this.#saved++
    this.#last = { counter: this.#saved, request: `${this.#name}:${this.#requests++}` }
    return { ...this.#last, boot: this.boot }
  }

  /** What was sent last, once more; something new when nothing was. */
  askAgain(): { counter: number; request: string; boot: string } {
    return this.#last === undefined ? this.ask() : { ...this.#last, boot: this.boot }
  }

  card(): number {
    return this.#saved
  }

  restore(card: number): void {
    this.#saved = card
    this.restart()
  }
}

class Hub {
  history: History = UNSEEN
  take(asked: { counter: number; request: string; boot: string }): Verdict {
    const { verdict, next } = judge(this.history, asked)
    this.history = next
    return verdict
  }
}

/** In one life: asks and is answered; asks and nothing arrives; asks and the answer is lost; saves and loses power. */
const event = fc.constantFrom('ask', 'lost', 'again', 'cut', 'restart')
const life = fc.array(event, { maxLength: 60 })

function live(board: Board, hub: Hub, events: readonly string[]): Verdict[] {
  return events.flatMap(what => {
    if (what === 'restart') board.restart()
    else if (what === 'lost') board.ask()
    else if (what === 'cut') {
      board.ask()
      board.restart()
    } else if (what === 'again') return [hub.take(board.askAgain())]
    else return [hub.take(board.ask())]
    return []
  })
}

describe('one board', () => {
  test('is never held nor called a clone, whatever is lost', () => {
    fc.assert(
      fc.property(life, events => {
        const verdicts = live(new Board('a'), new Hub(), events)
        expect(verdicts.every(verdict => verdict === 'fresh' || verdict === 'retry')).toBe(true)
      }),
    )
  })

  test('is a retry exactly when the hub has judged that very request before', () => {
    fc.assert(
      fc.property(life, events => {
        const [board, hub, judged] = [new Board('a'), new Hub(), new Set<string>()]
        for (const what of events) {
          const asked = what === 'again' ? board.askAgain() : board.ask()
          if (what === 'restart') board.restart()
          if (what !== 'ask' && what !== 'again') continue
          expect(hub.take(asked)).toBe(judged.has(asked.request) ? 'retry' : 'fresh')
          judged.add(asked.request)
        }
      }),
    )
  })

  test('with a restored card is held until it is confirmed, goes on then, and is never called a clone', () => {
    fc.assert(
      fc.property(life, life, life, life, (before, lost, held, after) => {
        const [board, hub] = [new Board('a'), new Hub()]
        live(board, hub, before)
        const card = board.card()
        live(board, hub, lost)
        expect(hub.take(board.ask())).toBe('fresh')
        board.restore(card)
        expect(hub.take(board.ask())).toBe('held')
        expect(live(board, hub, held).every(verdict => verdict === 'held')).toBe(true)
        hub.history = begin(hub.history)
        const verdicts = live(board, hub, after)
        expect(verdicts.every(verdict => verdict === 'fresh' || verdict === 'retry')).toBe(true)
      }),
    )
  })
})

describe('two boards with one key', () => {
  const step = fc.record({ who: fc.boolean(), what: event })

  /** Some boot spoke, then the other board, then that boot again. */
  function provenAt(spoke: readonly { who: boolean; boot: string }[]): number {
    return spoke.findIndex((now, at) => {
      const first = spoke.findIndex(then => then.boot === now.boot)
      return spoke.slice(first, at).some(between => between.who !== now.who)
    })
  }

  test('are clones as soon as one has lived on after the other, and not before, however they take turns', () => {
    fc.assert(
      fc.property(life, fc.array(step, { maxLength: 25 }), fc.boolean(), (before, steps, confirms) => {
        const [one, two, hub] = [new Board('a'), new Board('b'), new Hub()]
        live(one, hub, before.slice(0, 20))
        two.restore(one.card())
        const spoke = hub.history.boots.includes(one.boot) ? [{ who: false, boot: one.boot }] : []
        for (const { who, what } of steps) {
          const board = who ? two : one
          if (what === 'restart' || what === 'cut') {
            if (what === 'cut') board.ask()
            board.restart()
            continue
          }
          if (what === 'lost') {
            board.ask()
            continue
          }
          spoke.push({ who, boot: board.boot })
          const verdict = hub.take(what === 'again' ? board.askAgain() : board.ask())
          expect(verdict === 'cloned').toBe(provenAt(spoke) >= 0)
          // A person who confirms what they should not changes nothing of it.
          if (confirms) hub.history = begin(hub.history)
        }
      }),
      { numRuns: 500 },
    )
  })

  test('do not both get certificates out of the same numbers, even if both start anew before every request', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 30 }), turns => {
        const [one, two, hub] = [new Board('a'), new Board('b'), new Hub()]
        const got = new Map<number, boolean>()
        for (const who of turns) {
          const board = who ? two : one
          board.restart()
          const asked = board.ask()
          const used = got.has(asked.counter)
          const verdict = hub.take(asked)
          if (used) expect(verdict).toBe('held')
          if (verdict === 'fresh') got.set(asked.counter, who)
        }
      }),
    )
  })

  test('are found even when one has started anew more often than boots are remembered', () => {
    const [one, two, hub] = [new Board('a'), new Board('b'), new Hub()]
    hub.take(one.ask())
    two.restore(one.card())
    for (let start = 0; start < 3 * BOOTS_MAX; start++) {
      two.restart()
      hub.take(two.ask())
    }
    expect(hub.history.boots).toHaveLength(BOOTS_MAX)
    expect(hub.take(one.ask())).not.toBe('fresh')
    expect(hub.take(two.ask())).toBe('cloned')
  })

  test('stay clones: no confirmation, no claim and no silence ends it', () => {
    const [one, two, hub] = [new Board('a'), new Board('b'), new Hub()]
    hub.take(one.ask())
    two.restore(one.card())
    hub.take(two.ask())
    expect(hub.take(one.ask())).toBe('cloned')
    hub.history = begin(hub.history)
    for (const board of [one, two, new Board('c')]) expect(hub.take(board.ask())).toBe('cloned')
  })
})

describe('the order of requests', () => {
  const overtaken = expect.objectContaining({ code: 'hub.nonce' })

  test('is the order in which their nonces were given; one that was overtaken is not judged', () => {
    const arrivals = new Arrivals()
    arrivals.take('camera', 1000)
    arrivals.take('camera', 3000)
    expect(() => arrivals.take('camera', 2000)).toThrow(overtaken)
    arrivals.take('other', 2000)
    // Twice at once is not one after the other.
    arrivals.take('camera', 3000)
  })

  test('is remembered as long as a nonce is good, and no longer', () => {
    const arrivals = new Arrivals()
    arrivals.take('camera', 0)
    for (let index = 1; index <= 5; index++) arrivals.take('other', index * 60_000)
    arrivals.take('camera', 1)
    for (let index = 1; index <= 3; index++) arrivals.take(`other ${index}`, 1_000_000 + index)
    expect(arrivals.remembered).toBe(3)
  })
})
