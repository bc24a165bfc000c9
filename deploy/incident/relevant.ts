import type { Fact } from './facts.ts'

/** What an incident is about. */
export interface Concern {
  readonly incidentId: string
  readonly devices: readonly string[]
  /** Statement hashes of its reports. */
  readonly reports: readonly string[]
}

/**
 * What of the frozen records belongs to an incident. The hub's records that are nobody's alone are of the whole fleet: the
 * operator's words on other incidents, orders about other cameras, keys of other stations. They are other people's business, and
 * so is what a home has reported of something else.
 */
export function relevant(facts: readonly Fact[], concern: Concern): readonly Fact[] {
  const own = facts.filter(fact => isAbout(fact, concern))
  const keys = new Set(own.flatMap(keysUsed))
  const isUsed = ({ said }: Fact) =>
    (said.kind === 'station' || said.kind === 'signer') && keys.has(said.keyId)
  return facts.filter(fact => own.includes(fact) || isUsed(fact))
}

function isAbout({ said, of }: Fact, { incidentId, devices, reports }: Concern): boolean {
  if (said.kind === 'report') return reports.includes(said.hash)
  if (said.kind === 'incident') return said.incidentId === incidentId
  if (said.kind === 'makerBlock') return said.devices.some(device => devices.includes(device))
  if (of.householdId !== null) return true
  // Of what was erased the hub does not know any more whose it was.
  return of.deviceId !== null && devices.includes(of.deviceId)
}

/** Keys of the maker that have signed it. */
function keysUsed({ said }: Fact): readonly string[] {
  if (said.kind === 'registration') return [said.stationId]
  return said.kind === 'makerBlock' ? said.signers : []
}
