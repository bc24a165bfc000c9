import { ownCpuSeconds, residentBytes } from '../bench/processes.ts'

/** What a process has used so far, without what it has started: the hub, encoders, a broker. */
export interface Used {
  /** Seconds of one core. */
  readonly cpuSeconds: number
  /** Resident now. */
  readonly bytes: number
}

/** What a process has used; zeros for one that is not there. */
export function usedBy(pid: number | undefined): Used {
  if (pid === undefined) return { cpuSeconds: 0, bytes: 0 }
  return { cpuSeconds: ownCpuSeconds(pid), bytes: residentBytes(pid) }
}
