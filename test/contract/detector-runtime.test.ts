import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { lastingDetector } from '../../agent/lasting-detector.ts'
import { createFaceDetector } from '../../models/detector.ts'
import { RUNTIMES } from '../../models/face-detector.ts'
import { type Pinned, pathOf, pinned } from '../../models/weights.ts'
import { copyOfDetectors } from '../support/detector-copy.ts'
import { photograph } from '../support/photographs.ts'
import { temporaryFolder } from '../support/places.ts'

let folder: string
let remove: () => Promise<void>

beforeEach(async () => {
  const made = await temporaryFolder()
  folder = made.path
  remove = made.remove
})

afterEach(() => remove())

/** A package with its pinned files alone, in one of which a bit is another. */
async function packageWithFlippedBit({ package: name, path }: Pinned) {
  const files: Record<string, string | Uint8Array> = { 'package.json': '{}' }
  for (const file of Object.values(pinned))
    if (file.package === name) files[file.path] = await readFile(pathOf(file))
  const changed = files[path] as Uint8Array
  const middle = changed.length >> 1
  changed[middle] = (changed[middle] as number) ^ 1
  return { name, files }
}

describe('weights that are not the pinned ones are refused, and the file is named', () => {
  test.each([
    ['litert', pinned.fullRangeSparse],
    ['tfjs', pinned.blazefaceWeights],
    ['tfjs', pinned.blazefaceGraph],
  ] as const)('%s: a bit of $path flipped', async (runtime, file) => {
    const changed = await packageWithFlippedBit(file)
    const { createFaceDetector } = await copyOfDetectors(folder, { package: changed })
    const making = createFaceDetector({ runtime, minScore: 0.5 })
    await expect(making).rejects.toMatchObject({
      code: 'models.weights',
      message: expect.stringContaining(`${file.package}/${file.path} has another SHA-256`),
    })
  })

  test.each([
    ['litert', pinned.fullRangeSparse],
    ['tfjs', pinned.blazefaceWeights],
  ] as const)('%s: no file', async (runtime, file) => {
    const none = { name: file.package, files: { 'package.json': '{}' } }
    const { createFaceDetector } = await copyOfDetectors(folder, { package: none })
    const making = createFaceDetector({ runtime, minScore: 0.5 })
    await expect(making).rejects.toMatchObject({ code: 'models.weights' })
  })
})

/** The real worker, but a picture 13 pixels wide ends it in the way that is said. */
const crashing = (how: string) =>
  `\nport.on('message', ({ picture }) => { if (picture.width === 13) setImmediate(() => { ${how} }) })`
const trap = { width: 13, height: 13, data: new Uint8Array(13 * 13 * 3) }

describe.each(RUNTIMES)('%s', runtime => {
  test.each([
    ['it throws outside of any call', "throw new Error('the network broke')"],
    ['it exits', 'process.exit(7)'],
    ['it runs out of memory', 'const all = []; for (;;) all.push(new Array(1e6).fill({}).map(() => ({})))'],
  ])('crash: %s', async (_what, how) => {
    const { createFaceDetector } = await copyOfDetectors(folder, { worker: crashing(how) })
    const detector = await createFaceDetector({ runtime, minScore: 0.5 })
    const { picture } = await photograph('collins', 'null')
    expect(await detector.detect(picture)).toHaveLength(1)
    const last = [detector.detect(trap), detector.detect(picture, { thorough: true })]
    // What was asked before the end may still be answered; nothing waits for ever.
    const ends = await Promise.allSettled(last)
    for (const end of ends) if (end.status === 'rejected') expect(end.reason.code).toBe('models.runtime')
    await expect
      .poll(
        () =>
          detector.detect(picture).then(
            () => 'answered',
            error => error.code,
          ),
        { timeout: 30_000 },
      )
      .toBe('models.runtime')
    await detector.close()
  })

  test('closed in the middle of a call', async () => {
    const detector = await createFaceDetector({ runtime, minScore: 0.5 })
    const { picture } = await photograph('collins', 'null')
    const call = detector.detect(picture, { thorough: true })
    const closed = detector.close()
    await expect(call).rejects.toMatchObject({ code: 'models.runtime' })
    await closed
    await expect(detector.detect(picture)).rejects.toMatchObject({ code: 'models.runtime' })
  })

  test('a picture that cannot be one fails that call alone', async () => {
    const detector = await createFaceDetector({ runtime, minScore: 0.5 })
    const { picture } = await photograph('collins', 'null')
    const wrong = { width: 1e6, height: 1e6, data: new Uint8Array(3) }
    await expect(detector.detect(wrong)).rejects.toMatchObject({ code: 'models.runtime' })
    expect(await detector.detect(picture)).toHaveLength(1)
    await detector.close()
  })
})

test('the agent goes on without faces after a crash, and has a new detector some seconds later', async () => {
  const { createFaceDetector } = await copyOfDetectors(folder, { worker: crashing('process.exit(7)') })
  const create = () => createFaceDetector({ runtime: 'litert', minScore: 0.5 })
  const detector = await lastingDetector(create, pino({ level: 'silent' }))
  const { picture } = await photograph('collins', 'null')
  expect(await detector.detect(picture)).toHaveLength(1)
  await detector.detect(trap)
  await expect.poll(async () => (await detector.detect(picture)).length, { timeout: 10_000 }).toBe(0)
  await expect
    .poll(async () => (await detector.detect(picture)).length, { timeout: 50_000, interval: 500 })
    .toBe(1)
  await detector.close()
})

describe('tfjs runs', () => {
  test('on tfjs-node where that is installed, else on the WASM backend', async () => {
    const detector = await createFaceDetector({ runtime: 'tfjs', minScore: 0.5 })
    expect(detector.runtime).toBe(isInstalled('@tensorflow/tfjs-node') ? 'tfjs-node' : 'tfjs-wasm')
    await detector.close()
  })

  test('on the WASM backend where tfjs-node cannot load its native library', async () => {
    const files = {
      'package.json': '{"name":"@tensorflow/tfjs-node","main":"index.js"}',
      'index.js': "throw new Error('The Node.js native addon module (tfjs_binding.node) can not be found')",
    }
    const name = '@tensorflow/tfjs-node'
    const { createFaceDetector } = await copyOfDetectors(folder, { package: { name, files } })
    const detector = await createFaceDetector({ runtime: 'tfjs', minScore: 0.5 })
    expect(detector.runtime).toBe('tfjs-wasm')
    const { picture } = await photograph('collins', 'null')
    expect(await detector.detect(picture)).toHaveLength(1)
    await detector.close()
  })
})

function isInstalled(name: string): boolean {
  try {
    createRequire(join(process.cwd(), 'package.json')).resolve(name)
    return true
  } catch {
    return false
  }
}
