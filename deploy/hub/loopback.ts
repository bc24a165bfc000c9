import { pino } from 'pino'
import { disk } from '../../storage/disk.ts'
import { type Hub, type HubOptions, startHub } from './hub.ts'

/**
 * A hub that only this machine reaches: for demo, drills, benches and tests. Free ports, no log, and no limit that any of them
 * would meet, unless `options` say otherwise.
 *
 * @param data where it keeps everything.
 */
export function startLoopbackHub(data: string, options: Partial<HubOptions> = {}): Promise<Hub> {
  return startHub({
    data,
    disk,
    host: '127.0.0.1',
    port: 0,
    mqttPort: 0,
    broker: 'aedes',
    names: ['127.0.0.1'],
    storeBytes: 2 ** 35,
    requestsPerMinute: 100_000,
    log: pino({ level: 'silent' }),
    ...options,
  })
}
