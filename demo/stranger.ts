import type { Household } from '../home/household.ts'
import { codeOf } from '../protocol/errors.ts'
import { hex, sha256 } from '../protocol/ids.ts'
import { kindOfPart, readPart } from '../protocol/part.ts'
import { openBytes } from '../protocol/sealed.ts'
import { readTopic } from '../protocol/topics.ts'
import { connectBroker } from '../wire/mqtt.ts'

/** What every age v1 file begins with. */
const AGE_MARK = 'age-encryption.org/v1\n'

/** A sealed thing that the stranger holds: its pieces, in order. */
interface Loot {
  readonly pieces: Map<number, Uint8Array>
}

/**
 * Another household at the same hub that wants to see: it subscribes to all it can reach, asks the store for all it can
 * name, is handed every message by a tap on the broker, and tries each sealed thing with all of its keys.
 */
export class Stranger {
  readonly #household: Household
  readonly #loot = new Map<string, Loot>()
  readonly #paths = new Set<string>()
  /** Subscriptions it asked for beyond its own household, how many the broker granted, what came through them. */
  asked = 0
  granted = 0
  received = 0
  /** What the store gave out when asked for another household's things. */
  fetched = 0

  constructor(household: Household) {
    this.#household = household
  }

  /** A message as it passed the broker. */
  tap(topicText: string, payload: Uint8Array): void {
    const topic = readTopic(topicText)
    if (topic === undefined || topic.kind === 'ack' || topic.householdId === this.#household.id) return
    if (topic.kind !== 'clip') {
      this.#take(hex(sha256(payload)), 0, payload)
      return
    }
    const { householdId, epoch, deviceId, clipId, part } = topic
    this.#paths.add(`/clips/${householdId}/${epoch}/${deviceId}/${clipId}/${part}`)
    const sealed = readPart(payload).payload
    // A clip's video is one age file in parts; everything else is an age file of its own.
    if (kindOfPart(part) === 'video') this.#take(`${clipId}/video`, Number(part), sealed)
    else this.#take(`${clipId}/${part}`, 0, sealed)
  }

  #take(what: string, index: number, bytes: Uint8Array): void {
    const loot = this.#loot.get(what) ?? { pieces: new Map() }
    loot.pieces.set(index, Uint8Array.from(bytes))
    this.#loot.set(what, loot)
  }

  /** Subscribes to all that may show something of others; listens until the signal. */
  async listen(victimId: string, { signal }: { signal: AbortSignal }): Promise<void> {
    const { tls, broker } = await this.#household.enrol()
    const filters = [
      '#',
      '+/#',
      'ownlens/#',
      'ownlens/1/#',
      'ownlens/1/+/+/+/alert',
      'ownlens/1/+/+/+/clip/+/+',
      `ownlens/1/${victimId}/#`,
      '$SYS/#',
      `$share/all/ownlens/1/${victimId}/#`,
    ]
    for (const filter of filters) {
      this.asked++
      const client = await connectBroker(broker, tls, { signal })
      client.on('message', (topic, payload) => {
        this.received++
        this.tap(topic, payload)
      })
      const granted = await client.subscribeAsync(filter, { qos: 0 }).catch(() => [])
      if (granted.some(({ qos }) => qos < 128)) this.granted++
      else client.end(true)
    }
  }

  /** Asks the store for what others have there, by every name it has seen. */
  async askStore(victimId: string): Promise<void> {
    const { tls } = await this.#household.enrol()
    for (const path of [`/clips/${victimId}`, `/households/${victimId}/roster`, ...this.#paths]) {
      const answer = await this.#household.hub.getBytes(path, tls).catch(() => undefined)
      if (answer === undefined) continue
      this.fetched++
      this.#take(`store ${path}`, 0, withoutFrame(answer))
    }
  }

  /** Tries every sealed thing with every key. One whose header a key opens counts as opened, however much of it is there. */
  async tryAll(): Promise<{ tried: number; opened: number }> {
    let opened = 0
    for (const { pieces } of this.#loot.values()) {
      const inOrder = [...pieces].sort(([a], [b]) => a - b).map(([, piece]) => piece)
      const file = Buffer.concat(inOrder)
      const outcomes = this.#household.identities.map(identity =>
        openBytes(file, [identity]).then(
          () => 'open',
          error => codeOf(error),
        ),
      )
      const readable = pieces.has(0) && file.subarray(0, AGE_MARK.length).toString('latin1') === AGE_MARK
      if (readable && (await Promise.all(outcomes)).some(outcome => outcome !== 'seal.closed')) opened++
    }
    return { tried: this.#loot.size, opened }
  }
}

/** The payload of a stored part; anything else as it is. */
function withoutFrame(answer: Uint8Array): Uint8Array {
  try {
    return readPart(answer).payload
  } catch {
    return answer
  }
}
