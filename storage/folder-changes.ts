import { watch } from 'node:fs'

/** Some file systems tell no changes: look again this often. */
const LOOK_MS = 1000

/**
 * Yields at once, and then whenever something in the folder may have changed; ends when the signal is aborted. The folder
 * must exist.
 */
export async function* folderChanges(
  folder: string,
  { signal }: { signal: AbortSignal },
): AsyncGenerator<void> {
  const watcher = watch(folder)
  watcher.on('error', () => undefined)
  try {
    while (!signal.aborted) {
      const changed = new Promise<void>(resolve => {
        const timer = setTimeout(done, LOOK_MS)
        function done(): void {
          clearTimeout(timer)
          watcher.off('change', done)
          signal.removeEventListener('abort', done)
          resolve()
        }
        watcher.on('change', done)
        signal.addEventListener('abort', done, { once: true })
      })
      yield
      await changed
    }
  } finally {
    watcher.close()
  }
}
