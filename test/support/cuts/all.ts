import { type CutOptions, everyCut, type Scenario } from '../faults/every-cut.ts'
import { pinnedCa } from './authority.ts'
import { clipStore, syncsFail } from './clip-store.ts'
import { madeOffline, numberOfWords } from './factory.ts'
import { madeFolder, settledNumber } from './files.ts'
import { rosters } from './household.ts'
import { ledger } from './ledger.ts'
import { log } from './log.ts'
import { brokerRights } from './mosquitto.ts'
import { clipNumbers, enrolmentCounter } from './numbers.ts'
import { orderJournal } from './orders.ts'
import { outbox } from './outbox.ts'
import { witness } from './witness.ts'

const LONG = process.env.OWNLENS_LONG === '1'

/** A promise that power cuts must not break. */
export interface Promised {
  readonly says: string
  /** Cuts the power at every step; returns how often. Throws when the promise is broken. */
  readonly cut: (seed?: number) => Promise<number>
}

/** What parts of the whole promise about their files; nothing here needs a test runner. */
export const PROMISES: readonly Promised[] = [
  promise('a folder that was made, by whomever, stays', madeFolder),
  promise('what was read as settled is not taken back', settledNumber),
  promise('what the outbox has kept is sent whole and in order, or told as lost', outbox, { chances: 1 }),
  promise('a clip’s number is not given twice, and the chain does not go back', clipNumbers, { chances: 1 }),
  promise('an enrolment counter is not used twice', enrolmentCounter),
  promise('a camera knows its household and the newest roster that it has sealed to', rosters, {
    chances: 1,
  }),
  promise('what an app has believed it does not believe otherwise', ledger, { chances: 1 }),
  promise('a hub’s CA that was pinned counts', pinnedCa, { chances: 0 }),
  promise('the broker’s rights are whole, and a superseded certificate has none', brokerRights, {
    chances: 0,
  }),
  promise('a part that the hub has acknowledged is there', clipStore(1), { chances: 1 }),
  promise('also when its folders cannot always be synced', clipStore(20), {
    chances: 0,
    faults: { fails: syncsFail },
  }),
  promise('an order that a hub has taken is beside its database, whole', orderJournal, { chances: 1 }),
  // Signatures are most of it, so on the worse disk alone.
  promise('a board that has its certificate is written down', madeOffline, { models: ['any-order'] }),
  promise('a number of the maker’s root is used once', numberOfWords),
  promise('a log has the entries of every head that was seen, whole', log, {
    chances: 0,
    every: LONG ? 1 : 3,
  }),
  promise('a witness cosigns one story, and no smaller head after a larger one', witness, { chances: 0 }),
]

function promise<Notes>(says: string, scenario: Scenario<Notes>, options: CutOptions = {}): Promised {
  return { says, cut: (seed = 1) => everyCut(scenario, { ...options, seed }) }
}
