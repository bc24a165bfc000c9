import { ok } from 'node:assert/strict'
import { readSettled, readText, replaceFile } from '../../../storage/disk.ts'
import type { Scenario } from '../faults/every-cut.ts'

const FOLDER = '/data/made/here'
const NAME = 'number'

/** A number in a folder of its own, that grows; at every start somebody is told what it is, before it grows. */
export const settledNumber: Scenario<{ told: number }> = {
  prepare: async () => ({ told: 0 }),
  async life(disk, notes) {
    await disk.makeFolder(FOLDER)
    let number = Number((await readSettled(disk, FOLDER, NAME)) ?? 0)
    notes.told = Math.max(notes.told, number)
    for (let more = 0; more < 2; more++) {
      await replaceFile(disk, `${FOLDER}/${NAME}`, String(++number))
      notes.told = number
    }
  },
  async check(disk, { told }) {
    const number = Number((await readText(disk, FOLDER, NAME)) ?? 0)
    ok(number >= told, `${number} after ${told} was told`)
  },
}

/** A folder counts on once somebody has been told of it, whoever made it. */
export const madeFolder: Scenario<{ told: boolean }> = {
  prepare: async () => ({ told: false }),
  async life(disk, notes) {
    await disk.makeFolder(FOLDER)
    await replaceFile(disk, `${FOLDER}/file`, 'here')
    notes.told = true
  },
  async check(disk, { told }) {
    if (told) ok((await readText(disk, FOLDER, 'file')) === 'here', 'the folder is gone')
  },
}
