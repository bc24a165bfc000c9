import { z } from 'zod'
import { readFault, readSpan } from './faults.ts'

const span = z.string().transform((text, context) => {
  const ms = readSpan(text)
  if (ms !== undefined) return ms
  context.addIssue({ code: 'custom', message: 'must be a number and ms, s, m or h, e.g. 30s' })
  return z.NEVER
})
const fault = z.string().transform((text, context) => {
  const read = readFault(text)
  if (typeof read !== 'string') return read
  context.addIssue({ code: 'custom', message: read })
  return z.NEVER
})
const name = z
  .string()
  .min(1)
  .max(40)
  .regex(/^[\p{L}\p{N} ._-]+$/u, 'may hold letters, digits, blanks, and . _ -')

const visits = z
  .strictObject({
    every: span.default(20_000).describe('How often somebody comes, on average.'),
    first: span.default(3000).describe('When the first one comes at the earliest.'),
    who: z.enum(['collins', 'hopper', 'anyone']).default('anyone').describe('Which of the scene’s people.'),
  })
  .describe('When people come.')

const camera = z.strictObject({
  name: name.default('Camera').describe('What the home calls it.'),
  count: z.int().min(1).max(1000).default(1).describe('So many of them in each home.'),
  scene: z
    .string()
    .default('built-in')
    .describe('`built-in`, or a video file, which begins again at its end.'),
  visits: visits.prefault({}),
  network: z.string().optional().describe('A name in `networks`; without it the machine’s own.'),
  settings: z.record(z.string(), z.unknown()).default({}).describe('As in `agent --config`: clip, motion, …'),
})

const home = z.strictObject({
  name: name.default('Home').describe('Several get a number behind it.'),
  count: z.int().min(1).max(1000).default(1).describe('So many homes like this.'),
  suite: z
    .enum(['hybrid', 'x25519'])
    .default('hybrid')
    .describe('How its clips are sealed: against quantum computers too, or as other readers do it.'),
  cameras: z.array(camera).min(1).max(100),
})

const network = z.strictObject({
  latency: span.default(0).describe('One way.'),
  jitter: span.default(0).describe('Up to so much more.'),
  kbits: z.int().min(1).max(10_000_000).optional().describe('Kilobits a second, each way.'),
})

/** A scenario file (YAML or JSON). */
export const scenarioSchema = z.strictObject({
  name: z.string().min(1).max(100).default('scenario').describe('For reports.'),
  seed: z.int().min(0).max(0xffffffff).default(1).describe('The same seed gives the same events.'),
  runs: span.default(60_000).describe('How long, from the moment when all cameras are paired.'),
  broker: z.enum(['aedes', 'mosquitto']).default('aedes').describe('Of the hub that the fleet starts.'),
  homes: z.array(home).min(1).max(1000),
  networks: z.record(name, network).default({}).describe('Networks by name.'),
  faults: z
    .array(
      z.strictObject({
        what: fault.describe('NAME@START+DURATION, e.g. camera.unplug@5s+10s.'),
        on: z
          .string()
          .max(100)
          .default('*')
          .describe('Which devices, as HOME/CAMERA with * for any characters; not for hub.*.'),
        spread: span.default(0).describe('Each device’s begins up to so much later.'),
      }),
    )
    .max(1000)
    .default([]),
  expect: z
    .strictObject({
      clips: z.int().min(0).default(1).describe('Clips that each camera’s home must have opened at least.'),
      faces: z.boolean().default(false).describe('Whether each must have one with a face.'),
      back: span.default(10_000).describe('How soon a camera must record again after a fault has ended.'),
    })
    .prefault({}),
})

export type Scenario = z.infer<typeof scenarioSchema>
export type CameraPlan = Scenario['homes'][number]['cameras'][number]
