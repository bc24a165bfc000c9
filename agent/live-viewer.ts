import { randomBytes } from 'node:crypto'
import {
  LIVE_KEY_BYTES,
  type LiveEnd,
  type LiveOffer,
  type LiveThing,
  LiveWriter,
  liveKind,
  writeOffer,
} from '../protocol/live.ts'
import { sealsTo } from '../protocol/roster.ts'
import { sealStatement } from '../protocol/sealed.ts'
import type { LiveParts } from './live.ts'

/** Sends a message of a session; false when the line is full and it was not sent. */
export type LiveSend = (session: string, message: Uint8Array) => boolean

/** One member who watches: a session with a key of its own. */
export class LiveViewer {
  readonly memberId: string
  readonly session: string
  /** The roster under which the session began; it ends with it. */
  readonly roster: string
  /** Monotonic milliseconds of the member's last word. */
  keptAt: number
  readonly #offer: Uint8Array
  readonly #writer: LiveWriter
  #waitsForKey = true

  private constructor(
    who: Pick<LiveViewer, 'memberId' | 'session' | 'roster' | 'keptAt'>,
    offer: Uint8Array,
    key: Uint8Array,
  ) {
    this.memberId = who.memberId
    this.session = who.session
    this.roster = who.roster
    this.keptAt = who.keptAt
    this.#offer = offer
    this.#writer = new LiveWriter(key)
  }

  /** Makes a key and an offer of it that this member alone opens. */
  static async begin(
    { household, signer, boot, clock }: LiveParts,
    { memberId, session }: { memberId: string; session: string },
    counter: number,
  ): Promise<LiveViewer | undefined> {
    const { roster } = household
    const member = roster.members.find(one => one.memberId === memberId)
    if (member === undefined) return undefined
    const key = randomBytes(LIVE_KEY_BYTES)
    const offer: LiveOffer = {
      ...household.membership().envelope,
      ...{ boot, counter, session, at: new Date(clock.now()).toISOString(), key: key.toString('base64') },
    }
    // Alone, each member is sealed to in the best suite that the home allows.
    const { recipients } = sealsTo({ members: [member] })
    const sealed = await sealStatement(liveKind, offer, signer, recipients)
    const who = { memberId, session, roster: roster.sha256, keptAt: clock.monotonic() }
    return new LiveViewer(who, writeOffer(sealed), key)
  }

  /** Sends the key; again when it was asked for again. */
  offer(send: LiveSend): void {
    send(this.session, this.#offer)
  }

  /** Sends a fragment, before a key picture the start as well. Where the line is full, all up to the next key picture give way. */
  show(send: LiveSend, init: Uint8Array, thing: LiveThing & { type: 'key' | 'fragment' }): void {
    if (this.#waitsForKey && thing.type !== 'key') return
    const things: LiveThing[] =
      thing.type === 'key' ? [{ type: 'init', at: thing.at, data: init }, thing] : [thing]
    this.#waitsForKey = !things
      .flatMap(one => this.#writer.write(one))
      .every(message => send(this.session, message))
  }

  end(send: LiveSend, why: LiveEnd, at: number): void {
    for (const message of this.#writer.write({ type: 'end', at, data: new TextEncoder().encode(why) }))
      send(this.session, message)
  }
}
