import type { Logger } from 'pino'
import type { CameraSession, Clock, Encoder, Fragment } from '../hardware/hardware.ts'
import { codeOf, OwnlensError } from '../protocol/errors.ts'
import { type Fmp4Timing, readFragmentTimes, readTiming } from '../protocol/fmp4.ts'
import type { Signer } from '../protocol/keys.ts'
import type { LiveEnd } from '../protocol/live.ts'
import { Feed } from './feed.ts'
import type { Household } from './household.ts'
import { type LiveSend, LiveViewer } from './live-viewer.ts'
import { Turn } from './turn.ts'

export interface LiveParts {
  readonly encoder: Pick<Encoder, 'live'>
  readonly clock: Clock
  readonly household: Household
  readonly signer: Signer
  /** Made anew at every start. */
  readonly boot: string
  readonly log: Logger
}

/** Sessions at once, of all members and of one. */
const VIEWERS_MAX = 8
const OF_ONE_MAX = 3
/** A member who says nothing for so long is gone. The app speaks every two seconds. */
const KEPT_MS = 8000
const LOOK_MS = 1000
/** Fragments that wait for the encoder; beyond it they give way, up to the next key picture. */
const FEED_BYTES = 8 * 1024 * 1024

/** The fragments of one camera session that are being encoded, while somebody watches. */
interface Run {
  readonly feed: Feed<Fragment>
  readonly over: AbortController
  bytes: number
  waitsForKey: boolean
}

interface Tapped {
  readonly session: Pick<CameraSession, 'format' | 'init'>
  /** From the last key picture on. */
  readonly recent: Fragment[]
}

/**
 * Live view (PROTOCOL 7.5, 7.6): one encoder, however many members watch; each has a session and a key of its own. Recording
 * goes by it: what it reads it copies, and nothing waits for it. Sessions end when their member falls silent, when roster or
 * line change, and with the camera.
 */
export class LiveView {
  readonly #parts: LiveParts
  readonly #turn = new Turn()
  readonly #viewers = new Map<string, LiveViewer>()
  #send: LiveSend | undefined
  #tapped: Tapped | undefined
  #run: Run | undefined
  #timer: NodeJS.Timeout | undefined
  #counter = 0

  constructor(parts: LiveParts) {
    this.#parts = parts
  }

  /** Whether somebody watches: then a backlog gives way. */
  get watched(): boolean {
    return this.#viewers.size > 0
  }

  /** The line to the broker; undefined when it has gone, and with it every session. */
  line(send: LiveSend | undefined): void {
    if (send === undefined) for (const { session } of this.#viewers.values()) this.#end(session, 'stopped')
    this.#send = send
  }

  /** Hands on what the camera delivers, and shows it to who watches. */
  async *tap(
    session: Pick<CameraSession, 'format' | 'init'>,
    fragments: AsyncIterable<Fragment>,
    why: () => LiveEnd,
  ): AsyncGenerator<Fragment> {
    const tapped: Tapped = { session, recent: [] }
    this.#tapped = tapped
    try {
      for await (const fragment of fragments) {
        if (fragment.key) tapped.recent.length = 0
        tapped.recent.push(fragment)
        this.#look()
        this.#give(fragment)
        yield fragment
      }
    } finally {
      if (this.#tapped === tapped) this.#tapped = undefined
      for (const viewer of this.#viewers.values()) this.#end(viewer.session, why())
    }
  }

  /**
   * Begins a session, or sends its key again. Throws `live.full`, `live.session`.
   */
  async start(memberId: string, session: string): Promise<void> {
    await this.#turn.take(async () => {
      const held = this.#held(memberId, session)
      if (held !== undefined) return this.#send && held.offer(this.#send)
      const own = [...this.#viewers.values()].filter(viewer => viewer.memberId === memberId)
      if (this.#viewers.size >= VIEWERS_MAX || own.length >= OF_ONE_MAX) throw new OwnlensError('live.full')
      const viewer = await LiveViewer.begin(this.#parts, { memberId, session }, ++this.#counter)
      const send = this.#send
      if (viewer === undefined || send === undefined) return
      viewer.offer(send)
      this.#viewers.set(session, viewer)
      this.#timer ??= setInterval(() => this.#look(), LOOK_MS)
      this.#parts.log.info({ viewers: this.#viewers.size }, 'live view begun')
      if (this.#run === undefined) this.#begin()
    })
  }

  /** The member is still there. Throws `live.session`. */
  keep(memberId: string, session: string): void {
    const viewer = this.#held(memberId, session)
    if (viewer !== undefined) viewer.keptAt = this.#parts.clock.monotonic()
  }

  /** The member has seen enough. Throws `live.session`. */
  stop(memberId: string, session: string): void {
    if (this.#held(memberId, session) !== undefined) this.#end(session, 'stopped')
  }

  /** Ends every session. */
  close(): void {
    for (const { session } of this.#viewers.values()) this.#end(session, 'stopped')
  }

  #held(memberId: string, session: string): LiveViewer | undefined {
    const viewer = this.#viewers.get(session)
    if (viewer !== undefined && viewer.memberId !== memberId) throw new OwnlensError('live.session')
    return viewer
  }

  /** Ends sessions whose member is gone, or was perhaps removed. */
  #look(): void {
    const { clock, household } = this.#parts
    for (const { session, keptAt, roster } of this.#viewers.values())
      if (roster !== household.roster.sha256) this.#end(session, 'roster')
      else if (clock.monotonic() - keptAt > KEPT_MS) this.#end(session, 'silent')
  }

  #end(session: string, why: LiveEnd): void {
    const viewer = this.#viewers.get(session)
    if (viewer === undefined) return
    this.#viewers.delete(session)
    if (this.#send !== undefined) viewer.end(this.#send, why, this.#parts.clock.now())
    this.#parts.log.info({ why, viewers: this.#viewers.size }, 'live view ended')
    if (this.watched) return
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#run?.over.abort()
    this.#run?.feed.close()
    this.#run = undefined
  }

  /** Begins to encode what the camera delivers, from its last key picture on. */
  #begin(): void {
    if (this.#tapped === undefined) return
    const { session, recent } = this.#tapped
    const run: Run = { feed: new Feed(), over: new AbortController(), bytes: 0, waitsForKey: true }
    this.#run = run
    for (const fragment of recent) this.#give(fragment)
    this.#show(session, run).catch(error => {
      if (run.over.signal.aborted) return
      this.#parts.log.error({ code: codeOf(error), cause: (error as Error).message }, 'live view failed')
      for (const { session } of this.#viewers.values()) this.#end(session, 'camera')
    })
  }

  #give(fragment: Fragment): void {
    // The camera came while somebody was waiting for it; what is recent holds this fragment already.
    if (this.#run === undefined && this.watched) {
      this.#begin()
      return
    }
    const run = this.#run
    if (run === undefined) return
    if (run.bytes + fragment.data.length > FEED_BYTES) run.waitsForKey = true
    else if (fragment.key) run.waitsForKey = false
    if (run.waitsForKey) return
    run.bytes += fragment.data.length
    run.feed.put(fragment)
  }

  async #show(session: Pick<CameraSession, 'format' | 'init'>, run: Run): Promise<void> {
    const { encoder, clock } = this.#parts
    let first: number | undefined
    const read = async function* () {
      for await (const fragment of run.feed) {
        run.bytes -= fragment.data.length
        first ??= fragment.at
        yield fragment
      }
    }
    let init: Uint8Array | undefined
    let timing: Fmp4Timing | undefined
    let start: number | undefined
    let last = 0
    for await (const data of encoder.live(session, read(), { signal: run.over.signal })) {
      if (init === undefined || timing === undefined) {
        init = data
        timing = readTiming(init)
        continue
      }
      const times = readFragmentTimes(data, timing)
      start ??= times?.start
      // What it makes begins with the first picture that it was given.
      if (times !== undefined) last = (first ?? 0) + (times.start - (start ?? 0)) * 1000
      const at = clock.now() - (clock.monotonic() - last)
      const send = this.#send
      if (send === undefined) continue
      const type = times?.key ? ('key' as const) : ('fragment' as const)
      for (const viewer of this.#viewers.values()) viewer.show(send, init, { type, at, data })
    }
  }
}
