import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Signer } from '../../protocol/keys.ts'
import { OwnerModel } from '../support/owner-model.ts'
import { newSigner } from '../support/people.ts'
import { codeFrom, Desk } from '../support/registrar-desk.ts'

const HOUR = 3600_000

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ act: fc.constant('claim' as const), home: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant('release' as const), home: fc.nat(2) }) },
  {
    weight: 5,
    arbitrary: fc.record({ act: fc.constant('reset' as const), back: fc.constantFrom(0, 0, 0, 1) }),
  },
  { weight: 3, arbitrary: fc.record({ act: fc.constant('object' as const), home: fc.nat(2) }) },
  {
    weight: 2,
    arbitrary: fc.record({ act: fc.constant('block' as const), home: fc.nat(2), blocked: fc.boolean() }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      act: fc.constant('wait' as const),
      hours: fc.constantFrom(1, 71, 72, 73, 14 * 24 - 1, 14 * 24),
    }),
  },
)

test('whatever is said in whatever order: the registrar decides as a little model does', async () => {
  const desk = await Desk.open()
  const homes = [await desk.home(), await desk.home(), await desk.home()]
  let number = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40, size: 'max' }), async steps => {
      const camera: Signer = newSigner()
      const model = new OwnerModel()
      let hours = 0
      const start = desk.now.getTime()
      for (const one of steps) {
        if (one.act === 'wait') {
          hours += one.hours
          desk.later(one.hours * HOUR)
          continue
        }
        if (one.act === 'reset') {
          const epoch = Math.max(0, model.epoch - one.back)
          const freeAt = await desk.reset(camera, epoch)
          const got = freeAt === null ? null : (Date.parse(freeAt) - start) / HOUR
          expect(got).toBe(model.reset(epoch, hours))
          continue
        }
        const home = homes[one.home]
        if (home === undefined) throw new Error('no such home')
        const { root, id } = home
        const expected = model[one.act](one.home, hours, one.act === 'block' ? one.blocked : true)
        const before = model.epochBefore
        if (one.act === 'claim')
          expect(await codeFrom(desk.claim(home, camera, before + 1, before))).toBe(expected)
        else if (one.act === 'release') {
          if (before === 0) continue
          expect(await codeFrom(desk.release(home, camera, before))).toBe(expected)
        } else if (one.act === 'object')
          expect(await codeFrom(desk.send(root, id, { action: 'object', deviceId: camera.id }))).toBe(
            expected,
          )
        else {
          if (before === 0) continue
          const block = await home.block(++number, [[camera, before]], { blocked: one.blocked })
          expect(await codeFrom(desk.send(root, id, { action: 'block', block }))).toBe(expected)
        }
      }
      const owner = await desk.registrar.device(camera.id)
      expect(owner?.epoch ?? 0).toBe(model.epoch)
      expect(homes.findIndex(({ id }) => id === owner?.household_id)).toBe(model.owner ?? -1)
    }),
    { numRuns: 120 },
  )
  await desk.close()
}, 120_000)
