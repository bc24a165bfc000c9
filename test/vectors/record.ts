import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { seal } from '../../agent/seal.ts'
import type { Manifest } from '../../protocol/clip.ts'
import { base32 } from '../../protocol/ids.ts'
import type { Signer } from '../../protocol/keys.ts'
import { writePart } from '../../protocol/part.ts'

/** Part → message with its frame. */
export type Parts = Readonly<Record<string, Uint8Array>>

export interface Recording {
  readonly clipId: string
  readonly parts: Parts
  /** What the next clip's manifest says of this one. */
  readonly previous: NonNullable<Manifest['previous']>
}

/** Real video with sound (H.264, AAC, fragmented MP4), and a real picture. */
export function media(seconds: number, kbits: number): { video: Buffer; picture: Buffer } {
  const ffmpeg = (args: string) =>
    execFileSync('ffmpeg', ['-v', 'error', ...args.split(' '), '-'], { maxBuffer: 1 << 24 })
  const noise = kbits > 100 ? ',noise=alls=40:allf=t' : ''
  const video = ffmpeg(
    `-f lavfi -i testsrc=s=160x120:r=10${noise} -f lavfi -i sine=frequency=330:sample_rate=16000 -t ${seconds} -c:v libx264 -preset veryfast -b:v ${kbits}k -maxrate ${kbits}k -bufsize ${kbits / 4}k -g 5 -pix_fmt yuv420p -c:a aac -b:a 16k -movflags +frag_keyframe+empty_moov+default_base_moof -f mp4`,
  )
  return {
    video,
    picture: ffmpeg('-f lavfi -i testsrc=s=64x48 -frames:v 1 -c:v mjpeg -q:v 20 -f image2pipe'),
  }
}

/** Seals a clip as a camera does, a running hash behind every whole chunk. */
export async function record(options: {
  readonly video: Uint8Array
  readonly picture: Uint8Array | undefined
  readonly counter: number
  readonly previous: Manifest['previous']
  readonly signer: Signer
  readonly recipients: readonly string[]
  readonly envelope: {
    readonly audience: 'household'
    readonly householdId: string
    readonly deviceId: string
    readonly epoch: number
    readonly roster: number
  }
}): Promise<Recording> {
  const { video, picture, counter, previous, signer, recipients, envelope } = options
  const clipId = base32(randomBytes(16))
  let clock = 0
  let manifestHash = ''
  const parts: Record<string, Uint8Array> = {}
  const pieces = async function* () {
    for (let at = 0; at < video.length; at += 10_000) yield video.subarray(at, at + 10_000)
  }
  const head = {
    ...{ clipId, counter, startedAt: new Date(Date.UTC(2026, 10, 24, 12)) },
    ...{ clockSure: true, audio: true, trigger: 'face' as const },
  } as const
  const tail = async () => ({
    ...{ durationMs: 2000, triggers: ['face' as const], end: 'event' as const, previous, thumbnail: picture },
    faces: [{ box: [0.25, 0.125, 0.5, 0.5] as [number, number, number, number], score: 0.75, atMs: 400 }],
  })
  const remember = async (told: string) => {
    manifestHash = told
  }
  const identity = { member: { recipients, envelope }, signer, monotonic: () => (clock += 5000) }
  for await (const part of seal(pieces(), head, tail, identity, remember))
    parts[part.name] = writePart(part.kind, part.payload, part.parts)
  return { clipId, parts, previous: { counter, sha256: manifestHash } }
}
