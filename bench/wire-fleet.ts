import { randomBytes } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { base32 } from '../protocol/ids.ts'
import { type HubAddress, HubClient } from '../wire/hub-client.ts'
import { WireClient } from './wire-client.ts'
import type { WireCamera } from './wire-homes.ts'

/** What this process is told. */
export type FleetOrder =
  | {
      readonly kind: 'cameras'
      readonly hub: HubAddress
      readonly cameras: readonly WireCamera[]
      readonly everyMs: number
    }
  | { readonly kind: 'join'; readonly deviceIds: readonly string[] }

/** What it tells. `at`: nanoseconds of the machine's monotonic clock, which all processes share. */
export type FleetNews =
  | { readonly kind: 'joined' | 'closed'; readonly deviceId: string; readonly at: string }
  | { readonly kind: 'failed'; readonly deviceId: string; readonly why: string }
  | { readonly kind: 'acked'; readonly parts: number; readonly bytes: number }

/** So many ask for certificates at once. */
const AT_ONCE = 4

const clients = new Map<string, WireClient>()
const waiting: string[] = []
let joining = 0
const acked = { parts: 0, bytes: 0 }

const tell = (news: FleetNews): void => void process.send?.(news)
const now = (): string => process.hrtime.bigint().toString()

process.on('message', (order: FleetOrder) => {
  if (order.kind === 'join') {
    waiting.push(...order.deviceIds)
    joinNext()
    return
  }
  const forever = new AbortController().signal
  setMaxListeners(0, forever)
  const hub = new HubClient(order.hub, { signal: forever })
  const boot = base32(randomBytes(16))
  const { everyMs } = order
  const onAck = (bytes: number) => {
    acked.parts++
    acked.bytes += bytes
  }
  for (const camera of order.cameras)
    clients.set(camera.deviceId, new WireClient(camera, { hub, boot, everyMs, onAck }))
})
process.on('disconnect', () => process.exit())
setInterval(() => {
  tell({ kind: 'acked', ...acked })
  Object.assign(acked, { parts: 0, bytes: 0 })
}, 1000).unref()

function joinNext(): void {
  while (joining < AT_ONCE) {
    const deviceId = waiting.shift()
    if (deviceId === undefined) return
    joining++
    clients
      .get(deviceId)
      ?.join(() => tell({ kind: 'closed', deviceId, at: now() }))
      .then(
        () => tell({ kind: 'joined', deviceId, at: now() }),
        error => tell({ kind: 'failed', deviceId, why: String(error) }),
      )
      .finally(() => {
        joining--
        joinNext()
      })
  }
}
