import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { readCodes, type Sight } from '../../agent/identity/lens.ts'
import type { Frame } from '../../hardware/hardware.ts'
import { INVITATION_MAX, readInvitation } from '../../protocol/invitation.ts'
import { invitations, photograph, type View } from '../support/code-pictures.ts'
import { temporaryFolder } from '../support/places.ts'

vi.setConfig({ testTimeout: 600_000 })
const LONG = process.env.OWNLENS_LONG === '1'
/** Pictures of the promised sizes, and of each way in which they may be worse. */
const MANY = LONG ? 100 : 12
const SOME = LONG ? 30 : 4

const SIZES = [
  { width: 640, height: 480, share: 1 / 3 },
  { width: 1280, height: 720, share: 1 / 5 },
] as const
const VGA = SIZES[0]
const HD = SIZES[1]
/** A tenth of the code is gone. */
const TORN = 'drawbox=x=iw*0.55:y=ih*0.3:w=iw*0.3:h=ih*0.35:c=0x806040:t=fill'
const WORSE = LONG ? SIZES : [VGA]

let folder: Awaited<ReturnType<typeof temporaryFolder>>
beforeAll(async () => {
  folder = await temporaryFolder()
})
afterAll(() => folder.remove())

async function* oneByOne(frames: readonly Frame[]): AsyncGenerator<Frame> {
  yield* frames
}

async function sightsOf(frames: readonly Frame[]): Promise<readonly Sight[]> {
  const sights: Sight[] = []
  const { signal } = new AbortController()
  for await (const sight of readCodes(oneByOne(frames), { signal })) sights.push(sight)
  expect(sights).toHaveLength(frames.length)
  return sights
}

/** Photographs texts and looks. A text that was read must be the one that was shown. */
async function look(
  texts: readonly string[],
  view: View,
): Promise<{ sights: readonly Sight[]; read: number }> {
  const sights = await sightsOf(await photograph(folder.path, texts, view))
  let read = 0
  for (const [index, sight] of sights.entries()) {
    if (sight.kind === 'text') read++
    const shown = [texts[index], view.poster]
    for (const text of sight.kind === 'text' ? [sight.text] : sight.kind === 'several' ? sight.texts : [])
      expect(shown).toContain(text)
  }
  return { sights, read }
}

const reasons = (sights: readonly Sight[]) =>
  sights.map(sight => (sight.kind === 'unreadable' ? sight.why : sight.kind))
const share = <T>(items: readonly T[], wanted: (item: T) => boolean) =>
  items.filter(wanted).length / items.length

describe.each(SIZES)('at $width x $height, $share of its width', size => {
  test('95 of 100 codes are read, turned by up to 15°, with a webcam’s blur and noise', async () => {
    const { read } = await look(invitations(MANY), size)
    expect(read).toBeGreaterThanOrEqual(0.95 * MANY)
  })
})

describe.each(WORSE)('at $width x $height, $share of its width, at least three of four are read', size => {
  const glare = 'clip(lum(X,Y)+150*exp(-(pow((X-W*0.45)/(W*0.1),2)+pow((Y-H*0.5)/(H*0.1),2))),0,255)'
  test.each([
    ['in dim light', { light: "curves=all='0/0.03 1/0.18'" }],
    ['lit from one side', { light: "geq=lum='lum(X,Y)*(0.25+0.7*X/W)':cb='cb(X,Y)':cr='cr(X,Y)'" }],
    ['with glare', { light: `geq=lum='${glare}':cb='cb(X,Y)':cr='cr(X,Y)'` }],
    ['by a poor camera', { quality: 18, noise: 20 }],
    ['out of focus', { blur: 2 }],
    ['inverted', { code: 'negate' }],
    [
      'with a thumb over its lower edge',
      { code: 'drawbox=x=iw*0.4:y=ih*0.85:w=iw*0.2:h=ih*0.15:c=0xC09070:t=fill' },
    ],
    ['with a spot', { code: 'drawbox=x=iw*0.75:y=ih*0.75:w=iw*0.06:h=ih*0.06:c=0x806040:t=fill' }],
    ['from nearer', { share: size.share * 1.6 }],
    ['from farther', { share: size.share * 0.75 }],
  ] as const)('%s', async (_, worse) => {
    const { read } = await look(invitations(SOME), { ...size, ...worse })
    expect(read).toBeGreaterThanOrEqual(0.75 * SOME)
  })
})

describe('what cannot be read', () => {
  test('a torn code is called torn', async () => {
    for (const size of WORSE) {
      const { sights, read } = await look(invitations(SOME), { ...size, code: TORN })
      expect(read).toBe(0)
      expect(share(reasons(sights), why => why === 'torn')).toBeGreaterThanOrEqual(0.75)
    }
  })

  test('a blurred code is called blurred, or is not seen at all', async () => {
    const { sights } = await look(invitations(SOME), { ...HD, blur: 3.5 })
    expect(share(reasons(sights), why => why === 'blurred')).toBeGreaterThanOrEqual(0.5)
    expect(share(reasons(sights), why => why === 'torn' || why === 'small')).toBeLessThanOrEqual(0.1)
    const worse = await look(invitations(SOME), { ...VGA, blur: 6 })
    expect(new Set(reasons(worse.sights))).toEqual(new Set(['nothing']))
  })

  test('a code that is too far is called small, or is not seen at all', async () => {
    // Three pixels a module are read when nothing else is amiss.
    const far = await look(invitations(SOME), { ...HD, share: 0.12, code: TORN })
    expect(far.read).toBe(0)
    expect(share(reasons(far.sights), why => why === 'small')).toBeGreaterThanOrEqual(0.75)
    const farther = await look(invitations(SOME), { ...VGA, share: 0.1 })
    for (const why of reasons(farther.sights)) expect(['nothing', 'small']).toContain(why)
  })

  test('a code without one of its corners is not seen, or called torn', async () => {
    const code = 'drawbox=x=0:y=0:w=iw*0.35:h=ih*0.35:c=0x806040:t=fill'
    const { sights } = await look(invitations(SOME), { ...VGA, code })
    for (const why of reasons(sights)) expect(['nothing', 'torn']).toContain(why)
  })

  test('sharpening reads what blur has made unreadable', async () => {
    const { read } = await look(invitations(SOME), { ...VGA, share: 0.2, blur: 1.4, noise: 12 })
    expect(read).toBeGreaterThanOrEqual(0.6 * SOME)
  })
})

describe('what is no invitation of ours', () => {
  test('two codes in view are told apart', async () => {
    const [poster = '', ...texts] = invitations(SOME + 1)
    const { sights } = await look(texts, { ...HD, poster })
    // Where they overlap only one is there.
    expect(share(sights, ({ kind }) => kind === 'several')).toBeGreaterThanOrEqual(0.6)
    for (const sight of sights) if (sight.kind === 'several') expect(sight.texts).toHaveLength(2)
  })

  test('the same code twice is one', async () => {
    const [text = ''] = invitations(1)
    const { sights, read } = await look([text, text, text], { ...HD, poster: text })
    expect(read).toBe(sights.length)
  })

  test('a foreign code and one that is too long are read, and refused as what they are', async () => {
    const address = 'https://www.example.com/menu?table=12'
    const [invitation = ''] = invitations(1)
    const long = invitation.padEnd(INVITATION_MAX + 20, 'X')
    for (const [text, code] of [
      [address, 'invitation.form'],
      [long, 'invitation.size'],
    ] as const) {
      const { sights } = await look([text, text], { ...HD, share: 0.3 })
      for (const sight of sights) {
        expect(sight).toEqual({ kind: 'text', text })
        expect(() => readInvitation(text)).toThrow(expect.objectContaining({ code }))
      }
    }
  })
})

describe('any picture', () => {
  const picture = (fill: (x: number, y: number) => number): Frame => {
    const [width, height] = [320, 240]
    const data = new Uint8Array(width * height * 3)
    for (let i = 0; i < data.length; i++) data[i] = fill(Math.floor(i / 3) % width, Math.floor(i / 3 / width))
    return { width, height, data, at: 0 }
  }
  /** Rings like a code's corners, everywhere. */
  const corners = (x: number, y: number) => {
    const [u, v] = [Math.floor(x / 3) % 8, Math.floor(y / 3) % 8]
    const ring = Math.max(Math.abs(u - 3), Math.abs(v - 3))
    return u === 7 || v === 7 || ring === 2 ? 255 : 0
  }

  test.each([
    ['black', picture(() => 0)],
    ['white', picture(() => 255)],
    ['noise', picture((x, y) => (Math.imul(x + 1, 73856093) ^ Math.imul(y + 7, 19349663)) & 255)],
    ['full of corners', picture(corners)],
    ['of one pixel', { width: 1, height: 1, data: new Uint8Array(3), at: 0 }],
  ])('%s is looked at, and shows no text', async (_, frame) => {
    const [first] = await sightsOf([frame])
    expect(['nothing', 'unreadable']).toContain(first?.kind)
  })

  test('stays its owner’s: the frame is left as it was', async () => {
    const frame = picture((x, y) => (x * y) & 255)
    const before = Buffer.from(frame.data)
    await sightsOf([frame, frame])
    expect(Buffer.from(frame.data).equals(before)).toBe(true)
  })
})

describe('looking', () => {
  const frame: Frame = { width: 64, height: 64, data: new Uint8Array(64 * 64 * 3), at: 0 }
  async function* endless() {
    for (;;) yield frame
  }

  test('ends with its signal', async () => {
    const abort = new AbortController()
    let sights = 0
    for await (const _ of readCodes(endless(), { signal: abort.signal })) if (++sights === 3) abort.abort()
    expect(sights).toBe(3)
    for await (const _ of readCodes(endless(), { signal: abort.signal })) sights++
    expect(sights).toBe(3)
  })

  test('asks for a frame only when it has looked at the one before', async () => {
    let asked = 0
    async function* counted() {
      for await (const one of endless()) {
        asked++
        yield one
      }
    }
    let sights = 0
    for await (const _ of readCodes(counted(), { signal: new AbortController().signal })) {
      expect(asked).toBe(++sights)
      if (sights === 5) break
    }
  })

  test('a reader that breaks says so', async () => {
    // It claims more pixels than there is memory: no camera delivers this.
    const broken = { ...frame, width: 1e6, height: 1e6 }
    await expect(sightsOf([broken])).rejects.toMatchObject({ code: 'lens.failed' })
  })
})
