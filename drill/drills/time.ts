import type { Clock } from '../../hardware/hardware.ts'
import { pair } from '../acts.ts'
import type { Drill } from '../drill.ts'

const YEAR = 365.25 * 86_400_000
/** So far a recorded time may lie from the true one. */
const NEAR_MS = 10_000

/** A wall clock that is off by so much; what a person sets, or a lying time server, changes it while it runs. */
function clockOff(by: number): Clock & { off: number } {
  return {
    off: by,
    now() {
      return Date.now() + this.off
    },
    monotonic: () => performance.now(),
    sure: () => true,
  }
}

export const wrongClocks: Drill = {
  number: 13,
  name: 'clocks at 1970 and 2099, and time servers that lie',
  says: 'One board wakes in 1970, one in 2099, and on one a time server jumps ten years while it records.',
  async play(stage) {
    const { report } = stage
    const hub = await stage.hub()
    const [a] = [await stage.home(hub, 'Home A'), await stage.home(hub, 'Home B')]
    await stage.spy()
    const lying = clockOff(0)
    const boards = [
      { name: 'Nineteen seventy', clock: clockOff(-Date.now()) },
      { name: 'Twenty ninety-nine', clock: clockOff(73 * YEAR) },
      { name: 'Lied to', clock: lying },
    ]
    for (const { name, clock } of boards) {
      const camera = stage.camera(name, 'collins', { clock })
      await pair(stage, a, camera)
      if (clock === lying) {
        report.expect(await stage.watch(a, camera), `Home A sees ${name} before the lie`)
        lying.off = 10 * YEAR
        report.do('the time server says that it is ten years later')
      }
      report.expect(await stage.watch(a, camera), `Home A has all four kinds of ${name}`)
      for (const clip of a.opened.values()) {
        if (clip.deviceId !== camera.deviceId) continue
        const off = Math.abs(Date.parse(clip.startedAt) - Date.now())
        report.expect(off < 120_000 + NEAR_MS, `${name}: a clip is dated ${clip.startedAt}`)
      }
      report.tell('Home A', `${name}: its clips bear the hub’s time`)
      await camera.stop()
    }
  },
}
