import type { OpenedClip } from '../home/open-clip.ts'
import { seconds, size, table } from '../home/say.ts'
import type { ClipFace } from '../protocol/clip.ts'

/** What `summary.json` holds. */
export interface Summary {
  readonly clips: readonly {
    readonly id: string
    /** Absolute path of the mp4. */
    readonly file: string
    readonly thumbnail: string | null
    readonly startedAt: string
    readonly durationMs: number
    readonly audio: boolean
    readonly faces: readonly Pick<ClipFace, 'box' | 'score' | 'person'>[]
    readonly sealedBytes: number
    /** From face on camera to thumbnail opened at home; null for a clip without an alert of its own. */
    readonly alertMs: number | null
  }[]
  readonly mqtt: { readonly messages: number; readonly bytes: number }
  readonly strangers: { readonly tried: number; readonly opened: number }
}

export function summarise(found: {
  clips: readonly OpenedClip[]
  alerts: ReadonlyMap<string, number>
  mqtt: { messages: number; bytes: number }
  strangers: { tried: number; opened: number }
}): Summary {
  const clips = found.clips.map(clip => ({
    id: clip.clipId,
    file: clip.file,
    thumbnail: clip.thumbnail,
    startedAt: clip.startedAt,
    durationMs: clip.durationMs ?? 0,
    audio: clip.audio,
    faces: clip.faces.map(({ box, score, person }) => ({
      box,
      score,
      ...(person !== undefined && { person }),
    })),
    sealedBytes: clip.sealedBytes,
    alertMs: found.alerts.get(clip.clipId) ?? null,
  }))
  return { clips, mqtt: found.mqtt, strangers: found.strangers }
}

/** What a person reads at the end. */
export function describeSummary({ clips, mqtt, strangers }: Summary, out: string): string {
  const rows = clips.map(clip => [
    clip.startedAt.replace('T', ' ').slice(0, 19),
    seconds(clip.durationMs),
    clip.audio ? 'yes' : 'no',
    clip.faces.length === 0 ? '-' : `${clip.faces.length}, best ${bestScore(clip.faces)}`,
    size(clip.sealedBytes),
    clip.alertMs === null ? '-' : `${clip.alertMs} ms`,
  ])
  const head = ['began (UTC)', 'length', 'sound', 'faces', 'sealed', 'face → opened thumbnail']
  const text = [
    '',
    clips.length === 0 ? 'No clip was recorded: nobody came into view.' : table([head, ...rows]),
    '',
    `Clips, thumbnails and summary.json are in ${out}.`,
    `The broker carried ${mqtt.messages} messages, ${size(mqtt.bytes)}, all of them sealed or signed.`,
    `The stranger met ${strangers.tried} sealed things and opened ${strangers.opened} of them.`,
  ]
  return `${text.join('\n')}\n`
}

function bestScore(faces: readonly { score: number }[]): string {
  return Math.max(...faces.map(({ score }) => score)).toFixed(2)
}
