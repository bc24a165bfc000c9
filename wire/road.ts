import { AsyncLocalStorage } from 'node:async_hooks'

/** Where a connection to a host really goes: the way through a network that is tried out. */
export type Road = (to: { readonly host: string; readonly port: number }) => {
  readonly host: string
  readonly port: number
}

const roads = new AsyncLocalStorage<Road>()

/**
 * Runs `work` so that every connection to a hub that it opens, now or later, takes this road. Who is at its other end is checked
 * as ever: by the certificate, not by the address.
 */
export function onRoad<T>(road: Road, work: () => T): T {
  return roads.run(road, work)
}

/** Where to connect to: the place itself, unless this code runs on another road. */
export const roadTo: Road = to => roads.getStore()?.(to) ?? to
