import type { Disk } from '../../storage/disk.ts'

/** A disk with so many bytes left: a write that needs more leaves half a file and fails, as a full one does. */
export class FullDisk {
  room: number
  readonly disk: Disk

  constructor(under: Disk, room: number) {
    this.room = room
    this.disk = {
      read: path => under.read(path),
      rename: (from, to) => under.rename(from, to),
      remove: path => under.remove(path),
      makeFolder: path => under.makeFolder(path),
      list: path => under.list(path),
      syncFolder: path => under.syncFolder(path),
      info: path => under.info(path),
      changes: (folder, options) => under.changes(folder, options),
      write: async (path, bytes, mode) => {
        if (bytes.length <= this.room) {
          this.room -= bytes.length
          return under.write(path, bytes, mode)
        }
        await under.write(path, bytes.subarray(0, this.room), mode)
        throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
      },
    }
  }
}
