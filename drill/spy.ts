import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Household } from '../home/household.ts'
import { codeOf } from '../protocol/errors.ts'
import { hex, sha256 } from '../protocol/ids.ts'
import { kindOfPart, readPart } from '../protocol/part.ts'
import { openBytes } from '../protocol/sealed.ts'
import { readTopic } from '../protocol/topics.ts'
import { connectBroker } from '../wire/mqtt.ts'
import { KINDS, type Kind, kindsUnder } from './kinds.ts'

/** What every age v1 file begins with. */
const AGE_MARK = 'age-encryption.org/v1\n'

/** Something sealed that was handed to the spy. */
interface Loot {
  readonly owner: string
  readonly kinds: readonly Kind[]
  /** Where it was met: a topic, without the number of a piece. */
  readonly topic: string
  /** By their numbers; most things have one. */
  readonly pieces: Map<number, Uint8Array>
}

/** Of one owner's things: bytes that came, things that opened. `other`: openings, hashes, status. */
export type Haul = Record<Kind | 'other', { delivered: number; opened: number }>

/**
 * A home that looks for what is others': it asks the broker for all topics and the store for all it can name, with its own
 * certificate, and tries every sealed thing that it gets with all of its keys.
 */
export class Spy {
  readonly #household: Household
  #identities: readonly string[]
  readonly #loot = new Map<string, Loot>()
  readonly #paths = new Set<string>()
  /** Subscriptions that were asked for beyond its own home's, and how many the broker granted. */
  asked = 0
  granted = 0
  /** What the broker or the hub refused it with, each once. */
  readonly refusals = new Set<string>()

  constructor(household: Household) {
    this.#household = household
    this.#identities = household.identities
  }

  /** Takes keys that were stolen, or that came with something bought. What was met so far counts no more. */
  addKeys(identities: readonly string[]): void {
    this.#identities = [...this.#identities, ...identities]
    this.#loot.clear()
    this.#paths.clear()
  }

  /** Hears of something without getting it: names of clips to ask the store for. */
  hear(topicText: string): void {
    const topic = readTopic(topicText)
    if (topic?.kind !== 'clip' || topic.householdId === this.#household.id) return
    const { householdId, epoch, deviceId, clipId, part } = topic
    this.#paths.add(`/clips/${householdId}/${epoch}/${deviceId}/${clipId}/${part}`)
  }

  /** Gets a message. What is its own home's counts for nothing. */
  take(topicText: string, payload: Uint8Array): void {
    const topic = readTopic(topicText)
    if (topic === undefined || topic.kind === 'ack' || topic.householdId === this.#household.id) return
    const kinds = kindsUnder(topic)
    if (topic.kind !== 'clip') {
      const name = hex(sha256(payload))
      this.#keep(name, { owner: topic.householdId, kinds, topic: `${topicText}/${name}` }, 0, payload)
      return
    }
    const sealed = readPart(payload).payload
    const { clipId, part, householdId } = topic
    // A clip's video is one age file in parts; everything else is an age file of its own.
    const video = kindOfPart(part) === 'video'
    const name = `${clipId}/${video ? 'video' : part}`
    const base = topicText.slice(0, topicText.lastIndexOf('/'))
    const about = { owner: householdId, kinds, topic: video ? base : topicText }
    this.#keep(name, about, video ? Number(part) : 0, sealed)
  }

  #keep(name: string, about: Omit<Loot, 'pieces'>, index: number, bytes: Uint8Array): void {
    const loot = this.#loot.get(name) ?? { ...about, pieces: new Map() }
    loot.pieces.set(index, Uint8Array.from(bytes))
    this.#loot.set(name, loot)
  }

  /** Subscribes to all that may show something of these homes; hears until the signal. Returns when it listens. */
  async listen(victims: readonly string[], { signal }: { signal: AbortSignal }): Promise<void> {
    const wide = ['#', '+/#', 'ownlens/1/#', 'ownlens/1/+/+/+/alert', 'ownlens/1/+/+/+/clip/+/+', '$SYS/#']
    const filters = [...wide, ...victims.flatMap(id => [`ownlens/1/${id}/#`, `$share/all/ownlens/1/${id}/#`])]
    await Promise.all(filters.map(filter => this.#subscribe(filter, signal)))
  }

  async #subscribe(filter: string, signal: AbortSignal): Promise<void> {
    this.asked++
    // A certificate for each: two sessions of one name push each other out.
    const { tls, broker } = await this.#household.enrol()
    const client = await connectBroker(broker, tls, { signal })
    client.on('message', (topic, payload) => this.take(topic, payload))
    const granted = await client.subscribeAsync(filter, { qos: 0 }).catch((error: Error) => {
      this.refusals.add(codeOf(error) ?? 'subscription refused')
      return []
    })
    if (granted.some(({ qos }) => qos < 128)) this.granted++
    else client.end(true)
  }

  /** Asks the store for all that these homes have there. */
  async askStore(victims: readonly string[]): Promise<void> {
    const { tls } = await this.#household.enrol()
    const { hub } = this.#household
    const lists = victims.flatMap(id => [
      `/clips/${id}`,
      `/households/${id}/roster`,
      `/households/${id}/claims`,
    ])
    for (const path of [...lists, ...this.#paths]) {
      const answer = await hub.getBytes(path, tls).catch(error => {
        this.refusals.add(codeOf(error) ?? 'refused')
        return undefined
      })
      if (answer === undefined) continue
      const [, folder, householdId = '', epoch = '', deviceId = '', clipId = '', part = ''] = path.split('/')
      if (folder === 'clips' && part !== '')
        this.take(`ownlens/1/${householdId}/${epoch}/${deviceId}/clip/${clipId}/${part}`, answer)
      else this.#keep(path, { owner: householdId, kinds: [], topic: '' }, 0, answer)
    }
  }

  /** Puts what it has into a folder, as a person would keep it to show it: a file for each thing or piece. */
  async save(folder: string): Promise<void> {
    for (const { topic, kinds, pieces } of this.#loot.values())
      for (const [index, bytes] of topic === '' ? [] : pieces) {
        const isVideo = kinds.includes('video')
        const path = join(folder, isVideo ? `${topic}/${index}` : topic)
        await mkdir(dirname(path), { recursive: true })
        await writeFile(path, bytes)
      }
  }

  /** Tries every sealed thing with every key, and counts, by owner. One whose header a key opens counts as opened. */
  async haul(): Promise<ReadonlyMap<string, Haul>> {
    const hauls = new Map<string, Haul>()
    for (const { owner, kinds, pieces } of this.#loot.values()) {
      const haul = hauls.get(owner) ?? emptyHaul()
      hauls.set(owner, haul)
      const bytes = [...pieces.values()].reduce((sum, piece) => sum + piece.length, 0)
      const opened = (await this.#opens(pieces)) ? 1 : 0
      for (const kind of kinds.length > 0 ? kinds : (['other'] as const)) {
        haul[kind].delivered += bytes
        haul[kind].opened += opened
      }
    }
    return hauls
  }

  async #opens(pieces: ReadonlyMap<number, Uint8Array>): Promise<boolean> {
    const first = pieces.get(0)
    if (
      first === undefined ||
      Buffer.from(first).subarray(0, AGE_MARK.length).toString('latin1') !== AGE_MARK
    )
      return false
    const file = Buffer.concat([...pieces].sort(([a], [b]) => a - b).map(([, piece]) => piece))
    for (const identity of this.#identities) {
      const outcome = await openBytes(file, [identity]).then(
        () => 'open',
        error => codeOf(error),
      )
      if (outcome !== 'seal.closed') return true
    }
    return false
  }
}

export function emptyHaul(): Haul {
  const names = [...KINDS, 'other'] as const
  return Object.fromEntries(names.map(name => [name, { delivered: 0, opened: 0 }])) as Haul
}
