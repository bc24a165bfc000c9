import { randomBytes } from 'node:crypto'
import type { Logger } from 'pino'
import type { Clock, Encoder, Fragment } from '../hardware/hardware.ts'
import { codeOf } from '../protocol/errors.ts'
import { base32 } from '../protocol/ids.ts'
import type { Signer } from '../protocol/keys.ts'
import { ALERT_PICTURE_MAX, sealAlert } from './alert.ts'
import type { Clip } from './cut.ts'
import type { Household, Membership } from './household.ts'
import type { Outbox } from './outbox.ts'
import { type ClipTail, seal, THUMBNAIL_MAX } from './seal.ts'
import type { Sequence } from './sequence.ts'

export interface KeeperParts {
  readonly encoder: Encoder
  readonly clock: Clock
  readonly household: Household
  readonly signer: Signer
  readonly outbox: Outbox
  readonly sequence: Sequence
  /** Made anew at every start. */
  readonly boot: string
  readonly log: Logger
}

/** Longer sides of a thumbnail, and of an alert's picture, that are tried until one fits. */
const THUMBNAIL_SIDES = [960, 640, 320]
const ALERT_SIDES = [480, 320]

/**
 * Brings clips into the outbox: encode → seal → outbox, while they are recorded, with an alert as soon as there is a face.
 * Clips overlap (one is still being sealed when the next begins); their manifests are finished in the order of their
 * numbers.
 */
export class Keeper {
  readonly #parts: KeeperParts
  /** Ends encoders at once: what was sealed by then is kept. */
  readonly #signal: AbortSignal
  #previous: Promise<unknown> = Promise.resolve()
  #alerts = 0
  readonly #running = new Set<Promise<void>>()

  constructor(parts: KeeperParts, { signal }: { signal: AbortSignal }) {
    this.#parts = parts
    this.#signal = signal
  }

  /** Takes a clip that has opened; returns when it has its number. What befalls it is logged and told, not thrown. */
  async keep(clip: Clip): Promise<void> {
    const { household, sequence, log } = this.#parts
    const member = household.membership()
    const counter = await sequence.take().catch(error => {
      log.error({ code: codeOf(error), cause: (error as Error).message }, 'clip not kept: it has no number')
    })
    if (counter === undefined) return clip.abandon()
    const key = { epoch: member.envelope.epoch, counter, clipId: base32(randomBytes(16)) }
    log.info({ counter, trigger: clip.trigger }, 'clip opened')
    const before = this.#previous
    const kept = this.#keep(clip, key, member, before)
      .then(() => {
        log.info({ counter, ms: Math.round(clip.durationMs()) }, 'clip kept')
        if (clip.lost() > 0) log.warn({ counter, fragments: clip.lost() }, 'the encoder was too slow')
      })
      .catch(error => {
        log.error({ counter, code: codeOf(error), cause: (error as Error).message }, 'clip cut short')
        clip.abandon()
      })
    // One that fails early must not let the next one pass those before it.
    this.#previous = Promise.all([before, kept])
    const alerted = this.#alert(clip, key.clipId, member)
    for (const task of [kept, alerted]) {
      this.#running.add(task)
      task.finally(() => this.#running.delete(task))
    }
  }

  /** Resolves when every clip is kept. */
  async done(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running)
  }

  async #keep(
    clip: Clip,
    key: { epoch: number; counter: number; clipId: string },
    member: Membership,
    before: Promise<unknown>,
  ): Promise<void> {
    const { encoder, clock, signer, outbox, sequence } = this.#parts
    const video = encoder.clip(clip.session, clip.fragments, { signal: this.#signal })
    const head = {
      clipId: key.clipId,
      counter: key.counter,
      startedAt: this.#wallTime(clip.startedAt),
      clockSure: clock.sure(),
      audio: clip.session.format.audio,
      trigger: clip.trigger,
    }
    const tail = async (): Promise<ClipTail> => {
      const fits = { sides: THUMBNAIL_SIDES, maxBytes: THUMBNAIL_MAX }
      const thumbnail = await this.#picture(clip, clip.bestPicture(), fits)
      await before
      return {
        durationMs: Math.max(1, Math.round(clip.durationMs())),
        triggers: [...clip.triggers()],
        end: await clip.ended,
        faces: clip.faces().map(({ at, face }) => ({
          box: [...face.box],
          score: face.score,
          atMs: Math.max(0, Math.round(at - clip.startedAt)),
        })),
        previous: sequence.previous,
        thumbnail,
      }
    }
    const finished = (hash: string) => sequence.finished(key.counter, hash)
    const identity = { member, signer, monotonic: () => clock.monotonic() }
    await outbox.put(key, seal(video, head, tail, identity, finished))
  }

  /** The last picture of these fragments, as large as fits; undefined when there is none. A clip without is better than none. */
  async #picture(
    clip: Clip,
    fragments: readonly Fragment[],
    { sides, maxBytes }: { sides: readonly number[]; maxBytes: number },
  ): Promise<Uint8Array | undefined> {
    const { encoder, log } = this.#parts
    if (fragments.length === 0) return undefined
    try {
      for (const longSide of sides) {
        const picture = await encoder.still(clip.session, fragments, { signal: this.#signal, longSide })
        if (picture.length <= maxBytes) return picture
      }
    } catch (error) {
      log.warn({ code: codeOf(error) }, 'no picture')
    }
    return undefined
  }

  async #alert(clip: Clip, clipId: string, member: Membership): Promise<void> {
    const seen = await clip.firstFace
    if (seen === undefined || clip.continues) return
    const { signer, boot, outbox, log } = this.#parts
    try {
      const fits = { sides: ALERT_SIDES, maxBytes: ALERT_PICTURE_MAX }
      const picture = await this.#picture(clip, seen.fragments, fits)
      const at = this.#wallTime(seen.since)
      const alert = { clipId, counter: ++this.#alerts, boot, at, faces: seen.faces.length, picture }
      await outbox.putMessage('alert', await sealAlert(alert, member, signer))
    } catch (error) {
      log.error({ code: codeOf(error), cause: (error as Error).message }, 'no alert')
    }
  }

  #wallTime(monotonic: number): Date {
    const { clock } = this.#parts
    return new Date(clock.now() - (clock.monotonic() - monotonic))
  }
}
