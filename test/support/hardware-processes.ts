import { readdir, readFile } from 'node:fs/promises'

/** Process ids of the ffmpegs that this process has started and that still run. */
export async function runningFfmpegs(): Promise<readonly number[]> {
  const found: number[] = []
  for (const task of await readdir('/proc/self/task')) {
    const children = await readFile(`/proc/self/task/${task}/children`, 'utf8').catch(() => '')
    for (const child of children.split(' ').filter(Boolean)) {
      // Empty for one that has ended and only waits to be noticed.
      const words = await readFile(`/proc/${child}/cmdline`, 'utf8').catch(() => '')
      if (/(^|\/)ffmpeg\0/.test(words)) found.push(Number(child))
    }
  }
  return found
}
