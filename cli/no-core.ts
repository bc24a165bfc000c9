import { writeFileSync } from 'node:fs'

/**
 * From now on a core dump of this process, and of every process that it starts, holds no memory: pictures must not reach
 * the disk in that way (core(5), "Controlling which mappings are written"). Elsewhere than on Linux nothing happens.
 */
export function emptyCoreDumps(): void {
  try {
    writeFileSync('/proc/self/coredump_filter', '0')
  } catch {
    // No Linux, or no /proc: nothing to switch.
  }
}
