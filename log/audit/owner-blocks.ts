import type { Placed } from './finding.ts'

/** A device in one epoch of a household. */
export interface Place {
  readonly householdId: string
  readonly deviceId: string
  readonly epoch: number
}

/** An order to block cameras, or to lift that, by how many roots came before its own, and its number. */
interface Order {
  readonly generation: number
  readonly number: number
  readonly blocked: boolean
}

export interface StandingOrder extends Order {
  readonly mark: Pick<Placed, 'position' | 'closed'>
}

/** What owners' orders say of each device and epoch: the one of the newest root with the highest number stands (PROTOCOL 4.7). */
export class OwnerBlocks {
  readonly #orders = new Map<string, StandingOrder>()

  /** Undefined when no order stands, or one that lifts. */
  blocked(place: Place): StandingOrder | undefined {
    const order = this.#orders.get(nameOf(place))
    return order?.blocked ? order : undefined
  }

  /** The order that stands and is not older than this one. */
  above(place: Place, { generation, number }: Omit<Order, 'blocked'>): StandingOrder | undefined {
    const held = this.#orders.get(nameOf(place))
    const isAbove =
      held !== undefined &&
      (held.generation > generation || (held.generation === generation && held.number >= number))
    return isAbove ? held : undefined
  }

  enter(place: Place, order: StandingOrder): void {
    this.#orders.set(nameOf(place), order)
  }
}

function nameOf({ householdId, deviceId, epoch }: Place): string {
  return `${householdId} ${deviceId} ${epoch}`
}
