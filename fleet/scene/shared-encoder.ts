import { ffmpegEncoder } from '../../hardware/encoder.ts'
import type { Encoder } from '../../hardware/hardware.ts'
import { readFragmentTimes, readTimescales, readTiming, shiftFragment } from '../../protocol/fmp4.ts'

/**
 * Makes clips of fragments that are encoded already: they are only told anew when they are. A still is made by ffmpeg at its first
 * use, and kept: every camera that shows the scene at this moment has the same one.
 */
export function sharedEncoder(): Encoder {
  const real = ffmpegEncoder()
  const stills = new Map<string, Promise<Uint8Array>>()
  return {
    async *clip({ init }, fragments, { signal }) {
      const [timing, scales] = [readTiming(init), readTimescales(init)]
      let began: number | undefined
      yield init
      for await (const { data } of fragments) {
        signal.throwIfAborted()
        began ??= readFragmentTimes(data, timing)?.start ?? 0
        yield shiftFragment(data, scales, -began)
      }
    },
    async *live({ init }, fragments, { signal }) {
      yield init
      for await (const { data } of fragments) {
        signal.throwIfAborted()
        yield data
      }
    },
    still(session, fragments, options) {
      // The picture is in the mdat: where in time it was put does not matter.
      const last = fragments.at(-1)
      if (last === undefined) return real.still(session, fragments, options)
      const name = `${options.longSide} ${Buffer.from(last.data.subarray(-64)).toString('base64')}`
      const made = stills.get(name) ?? real.still(session, fragments.slice(-1), options)
      stills.set(name, made)
      made.catch(() => stills.delete(name))
      return made
    },
  }
}
