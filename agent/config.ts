import { z } from 'zod'
import { trigger } from '../protocol/clip.ts'
import { OwnlensError } from '../protocol/errors.ts'
import { text } from '../protocol/fields.ts'

const MIB = 1024 * 1024

const fraction = z.number().min(0).max(1)

/** The agent's settings: parsed once, frozen; every part gets its slice. `ownlens agent --help` prints the descriptions. */
export const configSchema = z.strictObject({
  name: text(64)
    .default('Camera')
    .describe('What the home calls this camera. It travels sealed, and is never logged.'),
  camera: z
    .string()
    .default('/dev/video0')
    .describe('/dev/videoN, a name in /dev/v4l/by-id, rtsp://…, a file, lavfi:GRAPH, or scene.'),
  microphone: z
    .string()
    .default('none')
    .describe('An ALSA device as `agent --list` names it, auto, or none.'),
  button: z
    .string()
    .default('auto')
    .describe('A device in /dev/input, auto (the first one named button there), or none.'),
  video: z
    .strictObject({
      width: z.int().min(160).max(3840).default(1280).describe('Pixels; a V4L2 camera must offer the size.'),
      height: z.int().min(120).max(2160).default(720).describe('Pixels.'),
      rate: z.number().min(1).max(60).default(15).describe('Pictures a second.'),
    })
    .prefault({}),
  mask: z
    .array(
      z
        .array(z.tuple([fraction, fraction]))
        .min(3, 'a polygon has three corners at least')
        .max(32),
    )
    .max(16)
    .default([])
    .describe(
      'What nobody may see: polygons of [x, y], fractions of width and height from the top left. It is blacked out before anything is recorded or looked at.',
    ),
  frames: z
    .strictObject({
      rate: z.number().min(1).max(30).default(10).describe('Small pictures a second for motion and faces.'),
      size: z.int().min(96).max(640).default(192).describe('Their longer side in pixels.'),
    })
    .prefault({}),
  detector: z
    .strictObject({
      runtime: z.enum(['litert', 'tfjs']).default('litert').describe('What the face detector runs on.'),
      minScore: z.number().min(0.1).max(0.99).default(0.5).describe('How sure of a face it must be.'),
    })
    .prefault({}),
  motion: z
    .strictObject({
      area: z.number().min(0.0005).max(0.5).default(0.004).describe('Share of the picture that must change.'),
      step: z.int().min(4).max(128).default(24).describe('How much a spot must change, of 255.'),
    })
    .prefault({}),
  clip: z
    .strictObject({
      triggers: z.array(trigger).min(1).default(['face', 'motion']).describe('What is recorded.'),
      beforeSeconds: z.number().min(5).max(30).default(5).describe('Kept from before the event.'),
      afterSeconds: z.number().min(1).max(30).default(3).describe('Recorded after it.'),
      maxSeconds: z.number().min(5).max(60).default(60).describe('A longer event is split into clips.'),
    })
    .refine(clip => !(clip.maxSeconds < clip.beforeSeconds), {
      path: ['maxSeconds'],
      message: 'must not be less than beforeSeconds',
      // Every mistake is named at once, so this one does not wait for the others to be mended.
      when: ({ value }) => typeof value === 'object' && value !== null,
    })
    .prefault({}),
  outbox: z
    .strictObject({
      maxBytes: z
        .int()
        .min(MIB)
        .default(1024 * MIB)
        .describe('Bytes that may wait for the hub; the oldest clips give way over this.'),
    })
    .prefault({}),
  log: z
    .strictObject({
      level: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info').describe('On stderr.'),
    })
    .prefault({}),
})

export type Config = z.infer<typeof configSchema>

/** Parses settings; names every mistake at once. Throws `config.invalid`. */
export function parseConfig(value: unknown): Config {
  const parsed = configSchema.safeParse(value)
  if (parsed.success) return freeze(parsed.data)
  const mistakes = parsed.error.issues.map(issue => `${issue.path.join('.') || 'file'}: ${issue.message}`)
  throw new OwnlensError('config.invalid', mistakes.join('; '))
}

function freeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) if (typeof inner === 'object' && inner !== null) freeze(inner)
  return Object.freeze(value)
}

/** One setting as a person reads it. */
export interface Setting {
  /** `clip.beforeSeconds` */
  readonly path: string
  readonly byDefault: unknown
  readonly says: string
}

/** Every setting with its default and what it does. */
export function describeSettings(): readonly Setting[] {
  return settingsOf(z.toJSONSchema(configSchema, { io: 'input' }), parseConfig({}), '')
}

function settingsOf(schema: z.core.JSONSchema.BaseSchema, defaults: object, above: string): Setting[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const byDefault = (defaults as Record<string, unknown>)[name]
    if (typeof property !== 'object') return []
    const path = above + name
    if (property.properties !== undefined) return settingsOf(property, byDefault as object, `${path}.`)
    return [{ path, byDefault, says: property.description ?? '' }]
  })
}
