import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { folderChanges } from './folder-changes.ts'

/**
 * The few things that parts with something to lose do with files. One seam, so that power can be cut at every one of
 * these steps in a test. Paths are absolute; errors are those of `node:fs`.
 */
export interface Disk {
  /** Undefined when there is no such file. */
  read(path: string): Promise<Uint8Array | undefined>
  /** Creates or overwrites, and returns when the bytes are on the disk. Not atomic: see `replaceFile`. */
  write(path: string, bytes: Uint8Array, mode?: number): Promise<void>
  rename(from: string, to: string): Promise<void>
  /** Removes a file or a folder with all in it; no error when there is none. A power cut may bring it back. */
  remove(path: string): Promise<void>
  /**
   * Makes a folder and those above it, readable by nobody else. They survive a power cut once it returns, also when a process
   * made them that was killed before it could say so.
   */
  makeFolder(path: string): Promise<void>
  /** Names in a folder, sorted; none when there is no folder. */
  list(path: string): Promise<readonly string[]>
  /** Makes renames, removals and new files in this folder survive a power cut. */
  syncFolder(path: string): Promise<void>
  /** Bytes of a file, and when it was written; undefined when there is none. */
  info(path: string): Promise<{ readonly bytes: number; readonly writtenAt: Date } | undefined>
  /** Yields at once, and then whenever something in the folder, which must exist, may have changed; until the signal. */
  changes(folder: string, options: { signal: AbortSignal }): AsyncIterable<void>
}

/** What a `Disk` asks of the system: the part of `node:fs/promises` that it uses. */
export interface FileCalls {
  open(
    path: string,
    flags: 'r' | 'w',
    mode?: number,
  ): Promise<{ writeFile(bytes: Uint8Array): Promise<void>; sync(): Promise<void>; close(): Promise<void> }>
  readFile(path: string): Promise<Uint8Array>
  readdir(path: string): Promise<string[]>
  rename(from: string, to: string): Promise<void>
  rm(path: string, options: { recursive: true; force: true }): Promise<void>
  /** Returns the topmost folder that it made. */
  mkdir(path: string, options: { recursive: true; mode: number }): Promise<string | undefined>
  stat(path: string): Promise<{ readonly size: number; readonly mtime: Date }>
  changes(folder: string, options: { signal: AbortSignal }): AsyncIterable<void>
}

/** Folders that we may not read, or whose file system syncs none, were not made here. */
const FOREIGN = new Set(['EACCES', 'EPERM', 'EINVAL'])

/** A disk over these calls: the system's own, or ones that fail. */
export function diskOver(calls: FileCalls): Disk {
  /** Folders above others that are on the disk for certain, they and all above them. */
  const certain = new Set<string>()
  const syncFolder = async (path: string) => {
    const folder = await calls.open(path, 'r')
    try {
      await folder.sync()
    } finally {
      await folder.close()
    }
  }
  return {
    async read(path) {
      return absentAsUndefined(calls.readFile(path))
    },
    async write(path, bytes, mode = 0o600) {
      const file = await calls.open(path, 'w', mode)
      try {
        await file.writeFile(bytes)
        await file.sync()
      } finally {
        await file.close()
      }
    },
    rename: (from, to) => calls.rename(from, to),
    async remove(path) {
      await calls.rm(path, { recursive: true, force: true })
    },
    async makeFolder(path) {
      const first = await calls.mkdir(path, { recursive: true, mode: 0o700 })
      const above: string[] = []
      for (let at = resolve(path); at !== dirname(at); at = dirname(at)) {
        const isNew = first !== undefined && at.length >= first.length
        if (!isNew && certain.has(at)) break
        await syncFolder(dirname(at)).catch(error => {
          if (isNew || !FOREIGN.has((error as NodeJS.ErrnoException).code ?? '')) throw error
        })
        above.push(dirname(at))
      }
      for (const folder of above) certain.add(folder)
    },
    async list(path) {
      const names = await absentAsUndefined(calls.readdir(path))
      return (names ?? []).sort()
    },
    syncFolder,
    async info(path) {
      const found = await absentAsUndefined(calls.stat(path))
      return found && { bytes: found.size, writtenAt: found.mtime }
    },
    changes: (folder, options) => calls.changes(folder, options),
  }
}

/** The real one. */
export const disk: Disk = diskOver({
  ...{ mkdir, open, readdir, readFile, rename, rm, stat },
  changes: folderChanges,
})

/** How a file is called while `replaceFile` writes it; what a power cut leaves. */
export const TEMPORARY = '.new'

/**
 * Writes a file so that after a power cut there is the old one or the new one, whole; once it returns, the new one. When it
 * cannot (a full disk), nothing half written takes up room.
 */
export async function replaceFile(
  on: Disk,
  path: string,
  bytes: Uint8Array | string,
  mode = 0o600,
): Promise<void> {
  const temporary = path + TEMPORARY
  try {
    await on.write(temporary, typeof bytes === 'string' ? Buffer.from(bytes) : bytes, mode)
    await on.rename(temporary, path)
  } catch (error) {
    // On a full disk half a file would be in everybody's way.
    await on.remove(temporary).catch(() => undefined)
    throw error
  }
  await on.syncFolder(dirname(path))
}

/** Names in a folder without what `replaceFile` left behind at a power cut. */
export async function listFiles(on: Disk, folder: string): Promise<readonly string[]> {
  return (await on.list(folder)).filter(name => !name.endsWith(TEMPORARY))
}

/** Removes what `replaceFile` left behind at a power cut. */
export async function removeLeftovers(on: Disk, folder: string): Promise<void> {
  for (const name of await on.list(folder)) if (name.endsWith(TEMPORARY)) await on.remove(join(folder, name))
}

/** The text of a file; undefined when there is none. */
export async function readText(on: Disk, ...path: string[]): Promise<string | undefined> {
  const bytes = await on.read(join(...path))
  return bytes === undefined ? undefined : Buffer.from(bytes).toString('utf8')
}

/**
 * As `readText`, for what is acted upon towards others: a key that is shown, an epoch, a roster. A process that was killed
 * between a rename and its sync leaves a file that the next power cut takes back; what this returns it does not.
 */
export async function readSettled(on: Disk, ...path: string[]): Promise<string | undefined> {
  const text = await readText(on, ...path)
  await absentAsUndefined(on.syncFolder(dirname(join(...path))))
  return text
}

async function absentAsUndefined<T>(result: Promise<T>): Promise<T | undefined> {
  try {
    return await result
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
