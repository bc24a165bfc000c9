import { setTimeout as wait } from 'node:timers/promises'
import { codeOf, OwnlensError } from '../../protocol/errors.ts'
import type { HubClient } from '../../wire/hub-client.ts'
import type { Written } from './offline-file.ts'
import type { Station } from './station.ts'

/** A board of an offline file, and the code of what is wrong with it. */
export interface Conflict {
  /** Null for a line that is no registration. */
  readonly serial: string | null
  readonly deviceId: string | null
  readonly code: string
}

/** What became of offline files. Everything that is in no conflict is registered. */
export interface HandedIn {
  readonly boards: number
  readonly conflicts: readonly Conflict[]
}

/** A hub that is asked too often takes the next one within a minute. */
const BUSY_MS = 1000
const BUSY_TIMES = 120

/** Registers one board. Throws what the hub refuses it with, but waits while it is busy. */
export async function register(
  hub: HubClient,
  station: Station,
  registration: string,
  { offline, pauseMs = BUSY_MS }: { offline: boolean; pauseMs?: number },
): Promise<{ disputed: boolean }> {
  const body = { action: 'register', registration, chain: station.chain, offline } as const
  for (let times = 1; ; times++)
    try {
      return await hub.request(null, body, station.signer)
    } catch (error) {
      const code = codeOf(error)
      if ((code !== 'station.busy' && code !== 'hub.busy') || times === BUSY_TIMES) throw error
      await wait(pauseMs)
    }
}

/**
 * Hands in what a station made offline. One board's conflict stops no other board; a hub that does not answer stops all, and
 * the same files may be handed in again.
 *
 * @throws OwnlensError `hub.*`, `station.unknown`: nothing about a single board.
 */
export async function handIn(
  hub: HubClient,
  station: Station,
  written: readonly Written[],
): Promise<HandedIn> {
  const conflicts: Conflict[] = []
  for (const line of written) {
    if (!('registration' in line)) {
      conflicts.push({ serial: null, deviceId: null, code: line.damaged ?? 'statement.form' })
      continue
    }
    const { serial, deviceId } = line.registration
    try {
      const { disputed } = await register(hub, station, line.jws, { offline: true })
      if (disputed) conflicts.push({ serial, deviceId, code: 'serial.disputed' })
    } catch (error) {
      const code = error instanceof OwnlensError ? error.code : undefined
      if (code === undefined || !/^(serial|statement)\./.test(code)) throw error
      conflicts.push({ serial, deviceId, code })
    }
  }
  return { boards: written.length, conflicts }
}
