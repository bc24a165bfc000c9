import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify, stripVTControlCharacters } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readCodes, type Sight } from '../../agent/identity/lens.ts'
import { codeAsPng, codeForTerminal } from '../../home/pairing-code.ts'
import { decode, invitations } from '../support/code-pictures.ts'
import { temporaryFolder } from '../support/places.ts'

const run = promisify(execFile)
const LARGE = { rows: 50, columns: 120 }
let folder: Awaited<ReturnType<typeof temporaryFolder>>
beforeAll(async () => {
  folder = await temporaryFolder()
})
afterAll(() => folder.remove())

async function read(picture: string, size: { width: number; height: number }): Promise<readonly Sight[]> {
  const frames = await decode(picture, size)
  async function* shown() {
    yield* frames
  }
  const sights: Sight[] = []
  for await (const sight of readCodes(shown(), { signal: new AbortController().signal })) sights.push(sight)
  return sights
}

/** What a terminal of 80 columns draws, by ffmpeg's, which knows code page 437; around it the terminal's own colour. */
async function drawn(text: string, around: 'black' | 'white'): Promise<string> {
  const page437: Readonly<Record<string, number>> = { '▀': 0xdf, '▄': 0xdc, '█': 0xdb }
  const bytes = [...text].flatMap(c => (c === '\n' ? [13, 10] : [page437[c] ?? c.charCodeAt(0)]))
  const script = join(folder.path, 'code.ans')
  await writeFile(script, Buffer.from(bytes))
  const lines = text.split('\n').slice(0, -1)
  const visible = stripVTControlCharacters(lines[0] ?? '').length
  const [width, height] = [visible * 8, lines.length * 16]
  const picture = join(folder.path, `${around}.png`)
  const crop = `crop=${width}:${height}:0:0,pad=640:480:(640-${width})/2:(480-${height})/2:color=${around}`
  await run('ffmpeg', [
    ...['-v', 'error', '-y', '-max_pixels', '1000000', '-f', 'tty', '-video_size', '640x480'],
    ...['-chars_per_frame', '100000', '-i', script, '-vf', crop, '-frames:v', '1', '-update', '1', picture],
  ])
  return picture
}

describe('for a terminal', () => {
  test.each([
    ['a dark one', 'black', LARGE],
    ['a light one', 'white', LARGE],
    ['a dark one of 24 lines', 'black', { rows: 24, columns: 80 }],
    ['a light one of 24 lines', 'white', { rows: 24, columns: 80 }],
  ] as const)('%s shows what the lens reads', async (_, around, size) => {
    const [text = ''] = invitations(1)
    const code = codeForTerminal(text, size) ?? ''
    const picture = await drawn(code, around)
    expect(await read(picture, { width: 640, height: 480 })).toEqual([{ kind: 'text', text }])
  })

  test('no character is left in the terminal’s own colours', () => {
    const [text = ''] = invitations(1)
    const lines = codeForTerminal(text, LARGE)?.split('\n') ?? []
    expect(lines.pop()).toBe('')
    expect(lines).toHaveLength(25)
    for (const line of lines) {
      const characters = stripVTControlCharacters(line)
      expect(characters).toMatch(/^[ ▀▄█]{49}$/)
      expect(line).toBe(`\u001b[38;5;16m\u001b[48;5;231m${characters}\u001b[0m`)
    }
  })

  test('a small one gets less quiet, one that is too small none', () => {
    const [text = ''] = invitations(1)
    const linesIn = (rows: number, columns = 80) =>
      codeForTerminal(text, { rows, columns })?.split('\n').length
    expect(linesIn(26)).toBe(26)
    expect(linesIn(25)).toBe(24)
    expect(linesIn(24)).toBe(24)
    expect(linesIn(23)).toBeUndefined()
    expect(linesIn(50, 48)).toBe(24)
    expect(linesIn(50, 44)).toBeUndefined()
  })
})

describe('as PNG', () => {
  test('it is square, large, and read', async () => {
    const [text = ''] = invitations(1)
    const path = join(folder.path, 'code.png')
    const png = await codeAsPng(text)
    await writeFile(path, png)
    const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)]
    expect(width).toBe(height)
    expect(width).toBeGreaterThanOrEqual(1000)
    expect(width).toBeLessThan(1100)
    expect(await read(path, { width, height })).toEqual([{ kind: 'text', text }])
  })
})

test('the longest invitation has 41 modules a side, the fewest that 160 such characters can have', () => {
  const [text = ''] = invitations(1)
  expect(text).toHaveLength(160)
  const [line = ''] = codeForTerminal(text, LARGE)?.split('\n') ?? []
  expect(stripVTControlCharacters(line)).toHaveLength(41 + 8)
})
