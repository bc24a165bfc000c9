import { OwnlensError } from '../protocol/errors.ts'
import {
  type Fmp4Timing,
  readFragmentTimes,
  readTimescales,
  readTiming,
  shiftFragment,
} from '../protocol/fmp4.ts'
import type { LiveThing } from '../protocol/live.ts'

/**
 * Makes one fMP4, beginning at time 0, of what is shown, however often the view begins anew: a start that came before is left out,
 * times go on. Pure.
 */
export class LiveFile {
  #init: Uint8Array | undefined
  #timing: Fmp4Timing | undefined
  #scales: ReadonlyMap<number, number> = new Map()
  /** Seconds: what is added to a fragment's own times, and where the next one begins. */
  #shift: number | undefined
  #end = 0

  /** Another view of the same camera begins: its times are its own. */
  begin(): void {
    this.#shift = undefined
  }

  /** The bytes to write for it. Throws `live.ended` when the camera's format has changed, `fmp4.malformed`. */
  add({ type, data }: LiveThing): Uint8Array {
    if (type === 'init') return this.#start(data)
    if (this.#timing === undefined) return new Uint8Array()
    const times = readFragmentTimes(data, this.#timing)
    if (this.#shift === undefined) {
      if (times === undefined) return new Uint8Array()
      this.#shift = this.#end - times.start
    }
    if (times !== undefined) this.#end = times.start + this.#shift + times.duration
    return shiftFragment(data, this.#scales, this.#shift)
  }

  #start(init: Uint8Array): Uint8Array {
    if (this.#init !== undefined && Buffer.compare(this.#init, init) === 0) return new Uint8Array()
    if (this.#init !== undefined) throw new OwnlensError('live.ended', 'its format has changed')
    this.#timing = readTiming(init)
    this.#scales = readTimescales(init)
    this.#init = init
    return init
  }
}
