import type { CertificateName } from '../../protocol/registrar.ts'
import { deviceTopic, readTopic } from '../../protocol/topics.ts'

/**
 * Who may publish and read what (PROTOCOL 6.1), one table for every broker. `+` stands for one level, `#` for the rest.
 */
export function rightsOf(name: CertificateName): {
  readonly write: readonly string[]
  readonly read: readonly string[]
} {
  if (name.kind === 'member') {
    const all = `ownlens/1/${name.householdId}`
    return { write: [`${all}/+/+/command`, `${all}/+/+/people`], read: [`${all}/#`] }
  }
  const own = deviceTopic({ householdId: name.householdId, epoch: name.epoch, deviceId: name.id })
  return {
    write: [`${own}/clip/+/+`, `${own}/alert`, `${own}/status`, `${own}/gap`, `${own}/live/+`],
    read: [`${own}/command`, `${own}/people`, `${own}/ack`],
  }
}

/** Whether this topic may be published to under this certificate. */
export function mayPublish(name: CertificateName, topic: string): boolean {
  return readTopic(topic) !== undefined && rightsOf(name).write.some(filter => covers(filter, topic))
}

/** Whether this filter lies wholly inside what may be read: wildcards over other homes, `$share` and `$SYS` do not. */
export function maySubscribe(name: CertificateName, filter: string): boolean {
  return filter.length <= 256 && rightsOf(name).read.some(right => covers(right, filter))
}

/** Whether everything that `inner` (a topic or a filter) matches is matched by `outer` too. */
export function covers(outer: string, inner: string): boolean {
  const wide = outer.split('/')
  const narrow = inner.split('/')
  for (const [index, level] of wide.entries()) {
    if (level === '#') return true
    const given = narrow[index]
    if (given === undefined || given === '#') return false
    if (level !== '+' && level !== given) return false
  }
  return wide.length === narrow.length
}
