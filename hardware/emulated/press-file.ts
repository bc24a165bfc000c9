import { join } from 'node:path'
import { type Disk, readText } from '../../storage/disk.ts'
import type { Button, Press } from '../hardware.ts'

/** What a file's content means. */
const PRESSES: Readonly<Record<string, Press['kind']>> = {
  short: 'short',
  hold: 'hold',
  'new-key': 'long hold',
}

/**
 * A button that is pressed by writing `short`, `hold` or `new-key` into the file `press` of a folder. It is taken away when it
 * was seen; anything else in it is no press.
 */
export function fileButton(disk: Disk, folder: string): Button {
  const path = join(folder, 'press')
  return {
    async *presses({ signal }) {
      await disk.makeFolder(folder)
      for await (const _ of disk.changes(folder, { signal })) {
        const text = (await readText(disk, path))?.trim()
        // An empty one is being written.
        if (text === undefined || text === '') continue
        await disk.remove(path)
        const kind = PRESSES[text]
        if (kind !== undefined) yield { kind }
      }
    },
  }
}
