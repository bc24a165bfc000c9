import { expect, test } from 'vitest'
import { withRows } from '../../models/tflite-rows.ts'
import { pinned, readPinned } from '../../models/weights.ts'

test('with all of its rows the network is as it was', async () => {
  const model = await readPinned(pinned.fullRangeSparse)
  expect(Buffer.compare(withRows(model, 192), model)).toBe(0)
})

test.each([128, 160])('with %i rows only heights differ, and what was given stays', async rows => {
  const model = await readPinned(pinned.fullRangeSparse)
  const before = Buffer.from(model)
  const lower = withRows(model, rows)
  expect(Buffer.compare(model, before)).toBe(0)
  expect(lower).toHaveLength(model.length)
  const heights = [192, 194, 96, 98, 48, 50, 24, 26, 12, 14, 6, 8, 2304]
  const was = new DataView(model.buffer, model.byteOffset, model.length)
  const is = new DataView(lower.buffer)
  let changed = 0
  for (let at = 0; at + 4 <= model.length; at += 4) {
    const [old, now] = [was.getInt32(at, true), is.getInt32(at, true)]
    if (old === now) continue
    changed++
    expect(heights).toContain(old)
    const padding = old === 2304 ? 0 : old % 6
    expect(now).toBe(((old - padding) * rows) / 192 + padding)
  }
  // A shape each of some 150 layers, and three enlargements.
  expect(changed).toBeGreaterThan(100)
})
