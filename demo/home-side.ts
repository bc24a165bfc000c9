import { clipsAtHub } from '../home/clip-source.ts'
import { openClips } from '../home/clips.ts'
import type { Household } from '../home/household.ts'
import type { Ledger } from '../home/ledger.ts'
import type { OpenedClip } from '../home/open-clip.ts'
import { watchCameras } from '../home/watch.ts'

/** What the home does with what comes. */
export class HomeSide {
  readonly #household: Household
  readonly #ledger: Ledger
  readonly #out: string
  readonly #tell: (text: string) => void
  readonly opened: OpenedClip[] = []
  /** Clip id → milliseconds from face on camera to opened thumbnail. */
  readonly alerts = new Map<string, number>()
  #turn: Promise<void> = Promise.resolve()

  constructor(household: Household, ledger: Ledger, out: string, tell: (text: string) => void) {
    this.#household = household
    this.#ledger = ledger
    this.#out = out
    this.#tell = tell
  }

  /** Resolves at the signal. */
  async listen({ signal }: { signal: AbortSignal }): Promise<void> {
    await watchCameras(
      this.#household,
      this.#ledger,
      news => {
        if (news.kind === 'alert') {
          const ms = Date.now() - Date.parse(news.message.at)
          if (news.message.thumbnail !== null) this.alerts.set(news.message.clipId, ms)
          this.#tell(`a face: its thumbnail was opened at home ${ms} ms after it came into view`)
        } else if (news.kind === 'clip') {
          void this.openRest()
        } else if (news.kind === 'status' && news.message.fault !== null) {
          this.#tell(`the camera reports a fault: ${news.message.fault}`)
        } else if (news.kind === 'gone') this.#tell('the hub has gone')
        else if (news.kind === 'refused') this.#tell(`refused: ${news.error.message}`)
      },
      { signal },
    )
    await this.#turn
  }

  /** Opens every complete clip that is not open yet; one call after the other. */
  openRest(): Promise<void> {
    this.#turn = this.#turn.then(() => this.#openRest())
    return this.#turn
  }

  async #openRest(): Promise<void> {
    const { tls } = await this.#household.enrol()
    await this.#household.refresh(tls)
    const known = new Set(this.opened.map(({ clipId }) => clipId))
    const clips = await clipsAtHub(this.#household.hub, tls, this.#household.id)
    const fresh = clips.filter(({ clipId, parts }) => parts.includes('end') && !known.has(clipId))
    const { opened, refused } = await openClips(this.#household, this.#ledger, fresh, this.#out)
    for (const clip of opened) {
      this.opened.push(clip)
      this.#tell(
        `clip opened: ${((clip.durationMs ?? 0) / 1000).toFixed(1)} s, ${clip.faces.length === 1 ? 'one face' : `${clip.faces.length} faces`}`,
      )
    }
    for (const { error } of refused)
      if (error.code !== 'clip.incomplete') this.#tell(`clip refused: ${error.message}`)
  }
}
