import { setTimeout as wait } from 'node:timers/promises'
import type { Disk } from '../storage/disk.ts'

/** What is wrong with a device's disk. Whoever runs the scenario changes it. */
export class DiskWorld {
  /** Every write fails with this: `ENOSPC`, `EROFS`. */
  fails: 'ENOSPC' | 'EROFS' | undefined
  /** Every write takes so many milliseconds longer. */
  slowMs = 0
}

/** What a power cut leaves of a write, as a share; smaller writes come whole or not at all. */
const TORN = 0.5
const WHOLE_BYTES = 4096

/** A disk that obeys its world. */
export interface DeviceDisk {
  readonly disk: Disk
  /**
   * Takes the power away: whatever is asked from then on never happens, and what is under way is never answered; files in the
   * midst of being written are torn. Resolves when the disk is as it is found at the next start.
   */
  cut(): Promise<void>
}

export function deviceDisk(real: Disk, world: DiskWorld): DeviceDisk {
  let isCut = false
  const underWay = new Set<Promise<unknown>>()
  const never = new Promise<never>(() => undefined)
  const asked = async <T>(work: () => Promise<T>): Promise<T> => {
    if (isCut) return never
    const working = work()
    underWay.add(working)
    const result = await working.finally(() => underWay.delete(working))
    return isCut ? never : result
  }
  const written = async <T>(path: string, work: () => Promise<T>): Promise<T> => {
    if (isCut) return never
    if (world.slowMs > 0) await wait(world.slowMs)
    if (world.fails !== undefined)
      throw Object.assign(new Error(`${world.fails}: ${path}`), { code: world.fails, path })
    return asked(work)
  }
  const writeOrTear = async (path: string, bytes: Uint8Array, mode?: number) => {
    await real.write(path, bytes, mode)
    // Nobody was told that it is there.
    if (isCut && bytes.length > WHOLE_BYTES)
      await real.write(path, bytes.subarray(0, bytes.length * TORN), mode)
  }
  return {
    async cut() {
      isCut = true
      await Promise.allSettled(underWay)
    },
    disk: {
      read: path => asked(() => real.read(path)),
      write: (path, bytes, mode) => written(path, () => writeOrTear(path, bytes, mode)),
      rename: (from, to) => written(from, () => real.rename(from, to)),
      // A full disk lets go of what it has.
      remove: path =>
        world.fails === 'EROFS' ? written(path, () => real.remove(path)) : asked(() => real.remove(path)),
      makeFolder: path => written(path, () => real.makeFolder(path)),
      list: path => asked(() => real.list(path)),
      syncFolder: path => written(path, () => real.syncFolder(path)),
      info: path => asked(() => real.info(path)),
      changes: (folder, options) => real.changes(folder, options),
    },
  }
}
