import { cp, mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** For files that a database takes away while it closes. */
export const absent = (error: NodeJS.ErrnoException): void => {
  if (error.code !== 'ENOENT') throw error
}

/** Copies a hub's data; files that its database takes away while it closes may be missing. */
export async function copyHub(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true })
  for (const entry of await readdir(from))
    await cp(join(from, entry), join(to, entry), { recursive: true }).catch(absent)
}

/** Puts the registrar's database of a copy back into a hub's data; everything beside it stays as it is. */
export async function restoreDatabase(from: string, to: string): Promise<void> {
  for (const name of ['registrar.db', 'registrar.db-wal', 'registrar.db-shm']) {
    await rm(join(to, name), { force: true })
    await cp(join(from, name), join(to, name)).catch(absent)
  }
}
