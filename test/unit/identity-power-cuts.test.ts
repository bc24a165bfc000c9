import { afterAll, beforeAll, expect, test } from 'vitest'
import { cameraPromises } from '../support/cuts/lives.ts'
import { Desk } from '../support/registrar-desk.ts'

const TIMEOUT_MS = 20 * 60_000
let desk: Desk
beforeAll(async () => {
  desk = await Desk.open()
})
afterAll(() => desk.close())

for (const index of [0, 1, 2, 3, 4, 5])
  test(
    `promise ${index + 1} of a camera about whose it is, whenever the power goes`,
    async () => {
      const promised = cameraPromises(desk, { every: 3 })
      expect(promised).toHaveLength(6)
      expect(await promised[index]?.cut()).toBeGreaterThan(20)
    },
    TIMEOUT_MS,
  )
