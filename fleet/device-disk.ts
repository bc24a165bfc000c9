import { setTimeout as wait } from 'node:timers/promises'
import type { Disk } from '../storage/disk.ts'

/** What is wrong with a device's disk. Whoever runs the scenario changes it. */
export class DiskWorld {
  /** Every write fails with this: `ENOSPC`, `EROFS`. */
  fails: 'ENOSPC' | 'EROFS' | undefined
  /** Every write takes so many milliseconds longer. */
  slowMs = 0
}

/** Bytes of a write that a power cut leaves, as a share. */
const TORN = 0.5

/** A disk that obeys its world; `cut` takes the power away: whatever is asked from then on never happens, and is never answered. */
export function deviceDisk(real: Disk, world: DiskWorld): { readonly disk: Disk; cut(): void } {
  let isCut = false
  const never = new Promise<never>(() => undefined)
  const asked = async <T>(work: () => Promise<T>): Promise<T> => {
    if (isCut) return never
    const result = await work()
    return isCut ? never : result
  }
  const written = async <T>(path: string, work: () => Promise<T>): Promise<T> => {
    if (isCut) return never
    if (world.slowMs > 0) await wait(world.slowMs)
    if (world.fails !== undefined)
      throw Object.assign(new Error(`${world.fails}: ${path}`), { code: world.fails, path })
    return asked(work)
  }
  return {
    cut() {
      isCut = true
    },
    disk: {
      read: path => asked(() => real.read(path)),
      write: (path, bytes, mode) =>
        written(path, async () => {
          // Cut in mid-write a file is torn. It was not synced, so nobody was told that it is there.
          if (bytes.length > 4096) await real.write(path, bytes.subarray(0, bytes.length * TORN), mode)
          if (isCut) return never
          return real.write(path, bytes, mode)
        }),
      rename: (from, to) => written(from, () => real.rename(from, to)),
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
