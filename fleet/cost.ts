import { readFile } from 'node:fs/promises'

/** Clock ticks a second of Linux's accounting: 100 on every port that Node runs on. */
const TICKS = 100

/** What a process has used so far. */
export interface Used {
  /** Seconds of one core. */
  readonly cpuSeconds: number
  /** Resident now. */
  readonly bytes: number
}

/** What a process has used, as Linux counts it; zeros for one that is not there. */
export async function usedBy(pid: number | undefined): Promise<Used> {
  if (pid === undefined) return NOTHING
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    // The name in parentheses may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const status = await readFile(`/proc/${pid}/status`, 'utf8')
    const kib = Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0)
    return { cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS, bytes: kib * 1024 }
  } catch {
    return NOTHING
  }
}

const NOTHING: Used = { cpuSeconds: 0, bytes: 0 }
