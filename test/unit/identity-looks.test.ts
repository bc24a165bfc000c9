import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Sight } from '../../agent/identity/lens.ts'
import { Looks } from '../../agent/identity/looks.ts'

const text = (text: string): Sight => ({ kind: 'text', text })
const nothing: Sight = { kind: 'nothing' }

function found(sights: readonly Sight[]): readonly unknown[] {
  const looks = new Looks()
  return sights.map(sight => looks.take(sight))
}

test('a text is believed when two looks read the same', () => {
  expect(found([text('A')])).toEqual([undefined])
  expect(found([text('A'), text('A')])[1]).toEqual(text('A'))
  expect(found([text('A'), text('B'), text('A')])).toEqual([undefined, undefined, undefined])
  // A look may fail in between.
  expect(found([text('A'), nothing, text('A')])[2]).toEqual(text('A'))
})

test('whatever is in view, a text is never said that the two newest readings do not share', () => {
  const sight = fc.constantFrom<Sight>(
    ...[text('A'), text('B'), nothing, { kind: 'several', texts: ['A', 'B'] } as const],
    ...(['small', 'blurred', 'torn'] as const).map(why => ({ kind: 'unreadable', why }) as const),
  )
  fc.assert(
    fc.property(fc.array(sight, { maxLength: 40 }), sights => {
      const said = found(sights)
      for (const [index, finding] of said.entries()) {
        if ((finding as Sight | undefined)?.kind !== 'text') continue
        const read = sights.slice(0, index + 1).filter(({ kind }) => kind !== 'nothing')
        expect(read.slice(-2)).toEqual([finding, finding])
      }
    }),
  )
})

test('what cannot be read is said when it stays so, not while a hand moves', () => {
  const blurred: Sight = { kind: 'unreadable', why: 'blurred' }
  expect(found(Array(9).fill(blurred))).toEqual(Array(9).fill(undefined))
  expect(found(Array(10).fill(blurred)).at(-1)).toEqual({ kind: 'blurred' })
  const several: Sight = { kind: 'several', texts: ['A', 'B'] }
  expect(found([...Array(9).fill(several), text('A'), ...Array(9).fill(several)]).at(-1)).toBeUndefined()
  expect(found(Array(10).fill(several)).at(-1)).toEqual({ kind: 'several' })
})

test('what has gone is forgotten', () => {
  expect(found([text('A'), ...Array(10).fill(nothing), text('A')]).slice(-2)).toEqual([nothing, undefined])
})
