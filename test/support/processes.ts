import { readFileSync } from 'node:fs'

/** Resident megabytes of a process. */
export function residentMb(pid: number): number {
  const [, kilobytes = '0'] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kilobytes) / 1024
}

/** The process of this name that `parent` has started. */
export function childOf(parent: number, name: string): number {
  const children = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8')
    .trim()
    .split(' ')
    .map(Number)
  const found = children.find(pid => readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === name)
  if (found === undefined) throw new Error(`${parent} has no child ${name}`)
  return found
}
