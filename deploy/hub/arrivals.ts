import { OwnlensError } from '../../protocol/errors.ts'

/** No nonce is good for longer: what was given before that cannot come any more. */
const REMEMBERED_MS = 5 * 60_000

/**
 * In which order devices made their statements, by when their nonces were given. A request that was on its way while its
 * board started again comes after a later one; judged then, an honest board would look like two.
 */
export class Arrivals {
  /** The newest of each device, those that came last at the end. */
  readonly #newest = new Map<string, number>()

  /**
   * @param givenAt milliseconds that only grow.
   * @throws OwnlensError `hub.nonce` for a request that another one has overtaken.
   */
  take(deviceId: string, givenAt: number): void {
    const newest = this.#newest.get(deviceId) ?? Number.NEGATIVE_INFINITY
    if (givenAt < newest) throw new OwnlensError('hub.nonce', 'a later request came first')
    this.#newest.delete(deviceId)
    this.#newest.set(deviceId, givenAt)
    for (const [id, at] of this.#newest) {
      if (givenAt - at <= REMEMBERED_MS) return
      this.#newest.delete(id)
    }
  }
  /** Of how many devices the newest is remembered. */
  get remembered(): number {
    return this.#newest.size
  }
}
