import { readdirSync, readFileSync } from 'node:fs'

/** CPU seconds that a process and all below it have used so far, those that have ended included (proc(5)). */
export function cpuSeconds(pid: number): number {
  let ticks = 0
  const children = childrenOf()
  const add = (id: number) => {
    const stat = statOf(id)
    if (stat === undefined) return
    // utime, stime, and those of children that were waited for.
    ticks += stat.utime + stat.stime + stat.cutime + stat.cstime
    for (const child of children.get(id) ?? []) add(child)
  }
  add(pid)
  return ticks / TICKS
}

/** CPU seconds that a process itself has used so far, without what it has started; 0 for one that is not there. */
export function ownCpuSeconds(pid: number): number {
  const { utime, stime } = statOf(pid) ?? { utime: 0, stime: 0 }
  return (utime + stime) / TICKS
}

/** The most memory that a process had resident since it began, in MB (VmHWM). */
export function peakMegabytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? Number.NaN) / 1024
}

/** The memory that a process has resident now, in bytes (VmRSS); 0 for one that is not there. */
export function residentBytes(pid: number): number {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024
  } catch {
    return 0
  }
}

/** Linux has 100 ticks a second on every machine that this runs on (USER_HZ). */
const TICKS = 100

function statOf(pid: number) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in brackets may hold anything: fields are counted from behind it.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    const number = (field: number) => Number(fields[field - 3])
    return { parent: number(4), utime: number(14), stime: number(15), cutime: number(16), cstime: number(17) }
  } catch {
    return undefined
  }
}

function childrenOf(): Map<number, number[]> {
  const children = new Map<number, number[]>()
  for (const name of readdirSync('/proc')) {
    const parent = /^\d+$/.test(name) ? statOf(Number(name))?.parent : undefined
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), Number(name)])
  }
  return children
}
