import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pino } from 'pino'
import { parseConfig } from '../../agent/config.ts'
import { runAgent } from '../../agent/run.ts'
import { emulated } from '../../hardware/emulated/emulated.ts'
import type { Household } from '../../home/household.ts'
import { type PairedCamera, pairThroughLens } from '../../home/pair.ts'
import { showCode } from '../../home/show-code.ts'
import type { FaceDetector } from '../../models/face-detector.ts'
import type { Signer } from '../../protocol/keys.ts'
import { disk } from '../../storage/disk.ts'

/** Sees nobody: these cameras record what moves. */
const NOBODY: FaceDetector = { runtime: 'none', detect: async () => [], close: async () => undefined }
const LATE_MS = 60_000

/** A whole agent with an emulated board in this process; people do to the board what they do to a real one. */
export class RunningAgent {
  readonly data: string
  /** What the lamp showed, in order: states, and short codes. */
  readonly lamp: string[] = []
  /** Messages and, behind them, codes that were logged. */
  readonly logged: string[] = []
  readonly ended: Promise<void>
  readonly #over = new AbortController()
  readonly #listeners = new Set<() => void>()

  constructor(data: string) {
    this.data = data
    const write = (line: string) => {
      const { msg, code } = JSON.parse(line) as { msg: string; code?: string }
      this.logged.push(code === undefined ? msg : `${msg}: ${code}`)
      this.#tell()
    }
    const hardware = emulated({
      source: { kind: 'lavfi', graph: 'testsrc=s=320x240:r=15' },
      ...{ microphone: 'none', disk, data },
      onLamp: shown => {
        this.lamp.push(typeof shown === 'string' ? shown : shown.code)
        this.#tell()
      },
    })
    const config = parseConfig({ clip: { triggers: ['motion'], maxSeconds: 5 } })
    this.ended = runAgent({
      ...{ config, hardware, disk, data, detector: NOBODY, log: pino({}, { write }), graceMs: 1000 },
      signal: this.#over.signal,
    })
    this.ended.catch(() => undefined)
  }

  async stop(): Promise<void> {
    this.#over.abort()
    await this.ended
  }

  async press(kind: 'short' | 'hold' | 'new-key'): Promise<void> {
    await disk.makeFolder(join(this.data, 'emulated'))
    await writeFile(join(this.data, 'emulated', 'press'), kind)
  }

  /** The index behind the first entry from `from` on that matches. Rejects when the agent ends or it takes too long. */
  async says(where: 'lamp' | 'logged', pattern: RegExp, from = 0): Promise<number> {
    const late = performance.now() + LATE_MS
    for (;;) {
      const at = this[where].findIndex((text, index) => index >= from && pattern.test(text))
      if (at >= 0) return at + 1
      const left = late - performance.now()
      if (left < 0) throw new Error(`nobody said ${pattern}: ${this[where].slice(from).join(', ')}`)
      let stop: () => void = () => undefined
      let timer: NodeJS.Timeout | undefined
      const more = new Promise<void>(resolve => {
        stop = resolve
        this.#listeners.add(resolve)
        timer = setTimeout(resolve, left)
      })
      await Promise.race([
        more,
        this.ended.then(() => Promise.reject(new Error(`it ended before ${pattern}`))),
      ])
      clearTimeout(timer)
      this.#listeners.delete(stop)
    }
  }

  /** Holds the home's code before the lens until it is answered, and compares the lamp's code with the app's. */
  async pair(home: Household, root: Signer): Promise<PairedCamera> {
    const from = this.lamp.length
    return pairThroughLens(home, root, {
      show: text => showCode(text, { png: join(this.data, 'emulated', 'code.png') }),
      confirm: async code => this.lamp[(await this.says('lamp', /^[1-6]{4}$/, from)) - 1] === code,
      signal: AbortSignal.timeout(LATE_MS),
    })
  }

  #tell(): void {
    for (const listener of this.#listeners) listener()
  }
}
