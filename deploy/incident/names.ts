import type { Case } from './case.ts'

/** What homes and cameras are called on the page: a person cannot read ids of 52 characters. */
export interface Names {
  home(householdId: string): string
  camera(deviceId: string): string
  station(keyId: string): string
  /** In the order of their names. */
  readonly homes: readonly { readonly id: string; readonly name: string }[]
  readonly cameras: readonly { readonly id: string; readonly name: string }[]
  readonly stations: readonly { readonly id: string; readonly name: string }[]
}

/**
 * Home A, Home B and Camera 1, Camera 2, in the order in which the log first speaks of them.
 *
 * @param given names that the operator has chosen, by id or the beginning of one.
 */
export function namesFor(found: Case, given: ReadonlyMap<string, string> = new Map()): Names {
  const homes = new Set<string>()
  const cameras = new Set<string>()
  const stations = new Map<string, string>()
  for (const { said } of found.facts) {
    if (said.kind === 'household' || said.kind === 'claim') homes.add(said.householdId)
    if (said.kind === 'claim' || said.kind === 'registration') cameras.add(said.deviceId)
    if (said.kind === 'station') stations.set(said.keyId, said.name)
    if (said.kind === 'registration' && !stations.has(said.stationId)) stations.set(said.stationId, '')
  }
  for (const { householdId } of found.homes) homes.add(householdId)
  for (const id of [...found.devices, ...found.newest.devices]) cameras.add(id)
  const chosen = (id: string) => [...given].find(([start]) => start.length >= 4 && id.startsWith(start))?.[1]
  const named = (ids: Iterable<string>, name: (index: number) => string) =>
    [...ids].map((id, index) => ({ id, name: chosen(id) ?? name(index) }))
  const lists = {
    homes: named(homes, index => `Home ${letters(index)}`),
    cameras: named(cameras, index => `Camera ${index + 1}`),
    stations: [...stations].map(([id, name], index) => ({ id, name: name || `Station ${index + 1}` })),
  }
  const of = (list: readonly { id: string; name: string }[], other: string) => (id: string) =>
    list.find(one => one.id === id)?.name ?? `${other} ${id.slice(0, 8)}…`
  return {
    ...lists,
    home: of(lists.homes, 'another home'),
    camera: of(lists.cameras, 'another camera'),
    station: of(lists.stations, 'another station'),
  }
}

/** A, B … Z, AA, AB … */
function letters(index: number): string {
  const last = String.fromCharCode(65 + (index % 26))
  return index < 26 ? last : letters(Math.floor(index / 26) - 1) + last
}
