import { KINDS, type Kind } from './kinds.ts'

/** What one home's things did on their way to another: bytes that were handed over, things that its keys opened. */
export interface Direction {
  readonly from: string
  readonly to: string
  readonly kind: Kind
  readonly delivered: number
  readonly opened: number
}

/** One line of `ownlens drill --json`. */
export interface DrillResult {
  readonly number: number
  readonly name: string
  readonly passed: boolean
  readonly directions: readonly Direction[]
  /** `who: what they were told`. */
  readonly told: readonly string[]
  readonly ms: number
  /** What was done, step by step. */
  readonly did: readonly string[]
  /** What should have been and was not. */
  readonly failed: readonly string[]
}

/** What a drill writes down while it runs. */
export class Report {
  readonly did: string[] = []
  readonly told: string[] = []
  readonly failed: string[] = []
  readonly directions: Direction[] = []
  readonly #say: (line: string) => void

  constructor(say: (line: string) => void) {
    this.#say = say
  }

  do(text: string): void {
    this.did.push(text)
    this.#say(`     ${text}`)
  }

  tell(who: string, text: string): void {
    const line = `${who}: ${text}`
    if (this.told.includes(line)) return
    this.told.push(line)
    this.#say(`     → ${line}`)
  }

  /** Something that must be so. The drill goes on: what else is wrong is of interest too. */
  expect(holds: boolean, text: string): void {
    if (holds) return
    this.failed.push(text)
    this.#say(`     ✗ ${text}`)
  }

  /** Adds what was measured between two homes; the same pair again adds up. */
  direct(found: readonly Direction[]): void {
    for (const direction of found) {
      const index = this.directions.findIndex(
        ({ from, to, kind }) => from === direction.from && to === direction.to && kind === direction.kind,
      )
      const before = this.directions[index]
      if (before === undefined) this.directions.push(direction)
      else
        this.directions[index] = {
          ...direction,
          delivered: before.delivered + direction.delivered,
          opened: before.opened + direction.opened,
        }
    }
  }

  /** Nobody opened anything of anybody else's. */
  get nothingOpened(): boolean {
    return this.directions.every(({ opened }) => opened === 0)
  }

  delivered(from: string, to: string): number {
    return this.directions
      .filter(direction => direction.from === from && direction.to === to)
      .reduce((sum, { delivered }) => sum + delivered, 0)
  }
}

/** The directions of a pair as one line. */
export function describeDirections(directions: readonly Direction[]): string[] {
  const pairs = new Map<string, Direction[]>()
  for (const direction of directions) {
    const pair = `${direction.from} → ${direction.to}`
    pairs.set(pair, [...(pairs.get(pair) ?? []), direction])
  }
  return [...pairs].map(([pair, found]) => {
    const cells = KINDS.map(kind => {
      const one = found.find(direction => direction.kind === kind)
      return `${kind} ${one?.delivered ?? 0} B, ${one?.opened ?? 0} opened`
    })
    return `${pair}: ${cells.join(' · ')}`
  })
}
