import { deepEqual, ok } from 'node:assert/strict'
import type { Scenario } from '../faults/every-cut.ts'
import type { Step } from '../faults/fault-disk.ts'
import { anId, ClipMessages, openStore } from '../stored-clips.ts'

interface Notes {
  readonly clips: readonly ClipMessages[]
  /** Path of each part that the store has acknowledged: its camera has thrown it away. */
  readonly acknowledged: Set<string>
}

const FOLDER = '/data/clips'
const PARTS = ['open', '0', 'end']

/** Two cameras send a clip each, part by part; what is refused `tries` times is a fault. */
export const clipStore = (tries: number): Scenario<Notes> => ({
  async prepare() {
    return { clips: ['one', 'two'].map(camera => new ClipMessages('home', camera)), acknowledged: new Set() }
  },
  async life(disk, { clips, acknowledged }) {
    const store = await openStore(disk, FOLDER)
    const send = async (clip: ClipMessages, part: string) => {
      for (let refused = 0; !acknowledged.has(clip.path(part)); refused++) {
        ok(refused < tries, `${part} is refused`)
        if ((await store.take(clip.topic(part), clip.message(part))) === clip.hash(part))
          acknowledged.add(clip.path(part))
      }
    }
    await Promise.all(
      clips.map(async clip => {
        for (const part of PARTS) await send(clip, part)
      }),
    )
  },
  async check(disk, { clips, acknowledged }) {
    const store = await openStore(disk, FOLDER)
    for (const clip of clips) {
      for (const part of PARTS)
        if (acknowledged.has(clip.path(part)))
          deepEqual(await store.read(clip, clip.clipId, part), new Uint8Array(clip.message(part)), part)
      // What is listed is whole, acknowledged or not.
      const { clips: listed } = await store.list(anId('home'), '', 10)
      for (const part of listed.find(({ clipId }) => clipId === clip.clipId)?.parts ?? [])
        deepEqual(await store.read(clip, clip.clipId, part), new Uint8Array(clip.message(part)), part)
    }
  },
})

/** Its folders and files cannot always be synced: about every fourth time it fails, always at the same steps. */
export function syncsFail({ does, path }: Step, number: number): string | undefined {
  const fails = Math.imul(number, 0x9e3779b1) >>> 30 === 0
  return does === 'sync' && path.startsWith(`${FOLDER}/`) && fails ? 'EIO' : undefined
}
