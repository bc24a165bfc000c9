import { ok } from 'node:assert/strict'
import { Ledger } from '../../../home/ledger.ts'
import { codeOf } from '../../../protocol/errors.ts'
import type { Scenario } from '../faults/every-cut.ts'
import { anId } from '../stored-clips.ts'

interface Notes {
  /** Messages that were shown to a person. */
  readonly shown: Set<number>
  /** Clip by number, as a person has opened it; another one under that number is a forgery. */
  readonly opened: Map<number, string>
}

const LINE = { deviceId: anId('camera'), epoch: 1 }
const BOOT = anId('boot')
/** Two clips that claim each number: the one that is seen first counts. */
const clipOf = (number: number, which: 'first' | 'other'): string => anId(`${which} ${number}`)
const manifestOf = (clipId: string) => ({ sha256: clipId.padEnd(64, '0').slice(0, 64), previous: null })

/** An app takes messages and opens clips; what it has believed once it does not believe otherwise. */
export const ledger: Scenario<Notes> = {
  prepare: async () => ({ shown: new Set(), opened: new Map() }),
  async life(disk, notes) {
    const ledger = await Ledger.open(disk, '/data')
    for (let number = 1; number <= 3; number++) {
      const taken = await took(ledger, number)
      ok(!(taken && notes.shown.has(number)), `message ${number} is shown again`)
      if (taken) notes.shown.add(number)
      for (const which of ['first', 'other'] as const) {
        const clipId = clipOf(number, which)
        if (!fits(ledger, number, clipId)) continue
        if (!ledger.opened(LINE, number, clipId))
          await ledger.record(LINE, number, clipId, manifestOf(clipId))
        notes.opened.set(number, notes.opened.get(number) ?? clipId)
      }
    }
  },
  async check(disk, { opened }) {
    const ledger = await Ledger.open(disk, '/data')
    for (const [number, clipId] of opened)
      for (const which of ['first', 'other'] as const) {
        const other = clipOf(number, which)
        ok(fits(ledger, number, other) === (other === clipId), `clip ${number}: ${which} fits now`)
      }
  },
}

async function took(ledger: Ledger, counter: number): Promise<boolean> {
  try {
    await ledger.take(LINE, 'alert', BOOT, counter)
    return true
  } catch (error) {
    if (codeOf(error) !== 'message.replayed') throw error
    return false
  }
}

function fits(ledger: Ledger, number: number, clipId: string): boolean {
  try {
    ledger.check(LINE, number, clipId, manifestOf(clipId))
    return true
  } catch (error) {
    if (codeOf(error) !== 'clip.counter') throw error
    return false
  }
}
