import { ok } from 'node:assert/strict'
import { type CaFiles, openCas } from '../../../deploy/hub/ca-files.ts'
import type { Disk } from '../../../storage/disk.ts'
import type { Scenario } from '../faults/every-cut.ts'

/** Keys that people and cameras have pinned, in hex. */
type Notes = Set<string>

const NOW = new Date(Date.UTC(2026, 10, 24))
const open = (disk: Disk, change?: 'new'): Promise<CaFiles> => openCas(disk, '/data', NOW, change)

function keysOf({ current, old }: CaFiles): readonly string[] {
  const certificates = [current, ...(old === undefined ? [] : [old])].map(({ certificate }) => certificate)
  return certificates.map(({ publicKey }) => Buffer.from(publicKey.rawData).toString('hex'))
}

/** A hub's CA is pinned as soon as it is shown; then another one follows it, and both count. */
export const pinnedCa: Scenario<Notes> = {
  prepare: async () => new Set(),
  async life(disk, pinned) {
    for (const change of [undefined, 'new'] as const)
      for (const key of keysOf(await open(disk, change))) pinned.add(key)
    ok(pinned.size === 2, `${pinned.size} CAs were made`)
  },
  async check(disk, pinned) {
    const held = keysOf(await open(disk))
    for (const key of pinned) ok(held.includes(key), 'a CA that was pinned is gone')
  },
}
