import { deepEqual, ok } from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { Outbox } from '../../../agent/outbox.ts'
import type { ClipKey, OutboxItem } from '../../../agent/outbox-files.ts'
import type { SealedPart } from '../../../agent/seal.ts'
import { base32 } from '../../../protocol/ids.ts'
import { readPart } from '../../../protocol/part.ts'
import type { Disk } from '../../../storage/disk.ts'
import type { Scenario } from '../faults/every-cut.ts'

interface Notes {
  /** Clips that were begun, in all lives; each has its own number. */
  clips: number
  messages: number
  /** Acknowledged by the outbox, as `<clip>/<part>` or a message's text. */
  readonly kept: Set<string>
  /** Acknowledged by the hub, or about to be. */
  readonly sent: Set<string>
  /** Clips whose gap notice the outbox has acknowledged. */
  readonly told: Set<number>
}

const PARTS = ['open', '0', 'end'] as const
const PART_BYTES = 300
/** Room for two clips, not for three. */
const MAX_BYTES = 7 * (PART_BYTES + 130)

const bytesOf = (name: string): Uint8Array =>
  createHash('shake256', { outputLength: PART_BYTES }).update(name).digest()
const keyOf = (counter: number): ClipKey => {
  return { epoch: 1, counter, clipId: base32(bytesOf(`clip ${counter}`).subarray(0, 16)) }
}

async function open(disk: Disk, notes: Notes): Promise<Outbox> {
  const outbox: Outbox = await Outbox.open(disk, '/data', {
    maxBytes: MAX_BYTES,
    lost: async ({ from }) => {
      await putMessage(outbox, notes, 'gap', `gap ${from}`)
      notes.told.add(from)
    },
  })
  return outbox
}

async function putMessage(outbox: Outbox, notes: Notes, kind: 'alert' | 'gap', text: string): Promise<void> {
  await outbox.putMessage(kind, Buffer.from(text))
  notes.kept.add(text)
}

/** Seals a clip; what the outbox asks on for, it has kept. */
async function* sealed(counter: number, { kept }: Notes): AsyncGenerator<SealedPart> {
  for (const name of PARTS) {
    const payload = bytesOf(`${counter}/${name}`)
    if (name === 'end') yield { name, kind: 'end', payload, parts: { video: 1, hashes: 0, thumb: 0 } }
    else yield { name, kind: name === 'open' ? 'open' : 'video', payload }
    kept.add(`${counter}/${name}`)
  }
}

function waiting(outbox: Outbox): readonly OutboxItem[] {
  const seen = new Set<OutboxItem>()
  for (let item = outbox.next(seen); item !== undefined; item = outbox.next(seen)) seen.add(item)
  return [...seen]
}

/** What an item is, of its own bytes: never torn, never another's. */
async function nameOf(outbox: Outbox, item: OutboxItem): Promise<string> {
  const bytes = (await outbox.read(item)) ?? new Uint8Array()
  if (item.kind !== 'part') return Buffer.from(bytes).toString()
  const name = `${item.clip.counter}/${item.part}`
  deepEqual(Buffer.from(readPart(bytes).payload), Buffer.from(bytesOf(name)), `${name} is torn`)
  return name
}

/** Clips that overlap, messages, a hub that takes the first few, and then a clip for which an older one gives way. */
export const outbox: Scenario<Notes> = {
  async prepare() {
    return { clips: 0, messages: 0, kept: new Set(), sent: new Set(), told: new Set() }
  },
  async life(disk, notes) {
    const outbox = await open(disk, notes)
    const record = () => {
      const counter = ++notes.clips
      return outbox.put(keyOf(counter), sealed(counter, notes))
    }
    await Promise.all([record(), record()])
    await putMessage(outbox, notes, 'alert', `alert ${++notes.messages}`)
    for (const item of waiting(outbox).slice(0, 2)) {
      notes.sent.add(await nameOf(outbox, item))
      await outbox.remove(item)
    }
    await record()
    ok(notes.told.size > 0, 'nothing gave way')
  },
  async check(disk, notes) {
    const outbox = await open(disk, notes)
    const items = waiting(outbox)
    const names: string[] = []
    for (const item of items) names.push(await nameOf(outbox, item))
    const found = new Set(names)
    const parts = items.flatMap(item => (item.kind === 'part' ? [item] : []))
    const order = parts.map(({ clip, part }) => clip.counter * 10 + PARTS.indexOf(part as 'open'))
    deepEqual(
      order,
      order.toSorted((a, b) => a - b),
    )
    const clips = new Set(parts.map(({ clip }) => clip.counter))
    for (const name of notes.kept) {
      if (found.has(name) || notes.sent.has(name)) continue
      const clip = Number(/^(\d+)\//.exec(name)?.[1])
      // One that gave way is told, and goes whole.
      ok(notes.told.has(clip) && !clips.has(clip), `${name} is lost`)
    }
  },
}
