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
 * operator's words on other incidents and orders about other cameras are other people's business, and so is what a home has
 * reported of something else. The maker's words on its stations and signers belong to every incident: who could not open one
 * of them could not say for certain that a camera's station was never announced.
 */
export function relevant(facts: readonly Fact[], concern: Concern): readonly Fact[] {
  return facts.filter(fact => isAbout(fact, concern))
}

function isAbout({ said, of }: Fact, { incidentId, devices, reports }: Concern): boolean {
  if (said.kind === 'station' || said.kind === 'signer') return true
  if (said.kind === 'report') return reports.includes(said.hash)
  if (said.kind === 'incident') return said.incidentId === incidentId
  if (said.kind === 'makerBlock') return said.devices.some(device => devices.includes(device))
  if (of.householdId !== null) return true
  // Of what was erased the hub does not know any more whose it was.
  return of.deviceId !== null && devices.includes(of.deviceId)
}
