import fc from 'fast-check'
import { expect, test } from 'vitest'
import { motionGate } from '../../agent/motion.ts'
import type { RgbImage } from '../../protocol/image.ts'

const WIDTH = 192
const HEIGHT = 108
/** As the agent's settings have it by default. */
const STEP = 24
const AREA = 0.004

/** A picture whose brightness a function of place says, with a sensor's noise. */
function picture(at: (x: number, y: number) => number, noise = 0, random = randomOf(1)): RgbImage {
  const data = new Uint8Array(WIDTH * HEIGHT * 3)
  for (let y = 0; y < HEIGHT; y++)
    for (let x = 0; x < WIDTH; x++)
      for (let colour = 0; colour < 3; colour++) {
        const value = at(x, y) + noise * gauss(random)
        data[(y * WIDTH + x) * 3 + colour] = Math.max(0, Math.min(255, Math.round(value)))
      }
  return { width: WIDTH, height: HEIGHT, data }
}

/** Numbers from 0 to 1 that are the same at every run (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Nearly normal, deviation 1. */
const gauss = (random: () => number): number => (random() + random() + random() + random() - 2) * Math.sqrt(3)

const room = (x: number, y: number) => 60 + x / 3 + y / 4
const person = (left: number) => (x: number, y: number) =>
  x >= left && x < left + 24 && y > 30 && y < 100 ? 190 : room(x, y)

test('a quiet room with a sensor’s noise does not move', () => {
  const random = randomOf(7)
  const gate = motionGate({ step: STEP })
  for (let count = 0; count < 60; count++) expect(gate(picture(room, 6, random))).toBeLessThan(AREA)
})

test('a person who walks through does, in every picture', () => {
  const random = randomOf(8)
  const gate = motionGate({ step: STEP })
  for (let count = 0; count < 20; count++) gate(picture(room, 4, random))
  for (let left = 0; left < 160; left += 6)
    expect(gate(picture(person(left), 4, random))).toBeGreaterThan(AREA)
})

test('a small cat in the corner does as well', () => {
  const gate = motionGate({ step: STEP })
  for (let count = 0; count < 20; count++) gate(picture(room))
  const cat = (x: number, y: number) => (x > 150 && x < 164 && y > 90 && y < 100 ? 10 : room(x, y))
  expect(gate(picture(cat))).toBeGreaterThan(AREA)
})

test.each([-40, -12, 12, 40])('light that changes everywhere by %i is no motion', change => {
  const gate = motionGate({ step: STEP })
  for (let count = 0; count < 20; count++) gate(picture(room))
  for (let count = 0; count < 40; count++)
    expect(gate(picture((x, y) => room(x, y) + change))).toBeLessThan(AREA)
})

test('somebody who walks while the light changes is seen', () => {
  const gate = motionGate({ step: STEP })
  for (let count = 0; count < 20; count++) gate(picture(room))
  expect(gate(picture((x, y) => person(60)(x, y) + 30))).toBeGreaterThan(AREA)
})

test('what was moved and stays becomes background', () => {
  const gate = motionGate({ step: STEP })
  for (let count = 0; count < 20; count++) gate(picture(room))
  const chair = person(60)
  expect(gate(picture(chair))).toBeGreaterThan(AREA)
  let moved = 1
  for (let count = 0; count < 60; count++) moved = gate(picture(chair))
  expect(moved).toBeLessThan(AREA)
})

test('the first picture, and the first of another size, is nothing to compare with', () => {
  const gate = motionGate({ step: STEP })
  expect(gate(picture(room))).toBe(0)
  const small = { width: 96, height: 54, data: new Uint8Array(96 * 54 * 3).fill(255) }
  expect(gate(small)).toBe(0)
  expect(gate(small)).toBe(0)
})

test('any picture of any size gives a share from 0 to 1', () => {
  const image = fc
    .integer({ min: 1, max: 24 })
    .chain(width =>
      fc
        .integer({ min: 1, max: 24 })
        .chain(height =>
          fc
            .uint8Array({ minLength: width * height * 3, maxLength: width * height * 3 })
            .map(data => ({ width, height, data })),
        ),
    )
  fc.assert(
    fc.property(fc.array(image, { minLength: 1, maxLength: 4 }), pictures => {
      const gate = motionGate({ step: STEP })
      for (const one of [...pictures, ...pictures]) {
        const moved = gate(one)
        expect(moved >= 0 && moved <= 1).toBe(true)
      }
    }),
  )
})
