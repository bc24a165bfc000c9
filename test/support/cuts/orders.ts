import { deepEqual, ok } from 'node:assert/strict'
import { type KeptOrder, OrderJournal } from '../../../deploy/hub/order-journal.ts'
import type { Scenario } from '../faults/every-cut.ts'

const orderOf = (number: number): KeptOrder => ({ kind: 'release', release: `a.${number}.c` })

/** What the database is told after this, whatever day it is taken back to. */
export const orderJournal: Scenario<{ kept: KeptOrder[]; given: number }> = {
  prepare: async () => ({ kept: [], given: 0 }),
  async life(disk, notes) {
    const journal = new OrderJournal(disk, '/data/orders')
    await journal.all()
    for (let turns = 0; turns < 2; turns++) {
      const order = orderOf(++notes.given)
      await journal.keep(order)
      notes.kept.push(order)
    }
  },
  async check(disk, { kept, given }) {
    const all = await new OrderJournal(disk, '/data/orders').all()
    for (const order of kept) ok(all.some(one => JSON.stringify(one) === JSON.stringify(order)))
    for (const order of all) deepEqual(order, orderOf(Number(/\d+/.exec(JSON.stringify(order))?.[0])))
    ok(all.length <= given)
  },
}
