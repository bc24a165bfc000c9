import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream, watch } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { freePort } from '../deploy/hub/listen.ts'
import { OwnlensError } from '../protocol/errors.ts'
import { readHubAddress } from '../wire/hub-address.ts'
import type { HubAddress } from '../wire/hub-client.ts'

const line = z.union([
  z.object({ hub: z.string().max(300), code: z.string().max(64), broker: z.string().max(300) }),
  z.object({ code: z.string().max(64) }),
])
const LOOPBACK = '127.0.0.1'
const START_MS = 30_000

/** A hub as the fleet knows it: where it is, and the code that lets the next household in. */
export interface FleetHub {
  readonly address: HubAddress
  /** Where its ports are: HTTPS and MQTT. */
  readonly places: readonly { readonly host: string; readonly port: number }[]
  /** Whether the fleet has started it, and can kill it. */
  readonly own: boolean
  readonly pid: number | undefined
  /** One that nobody has used. */
  nextCode(): Promise<string>
  kill(): Promise<void>
  start(): Promise<void>
  close(): Promise<void>
}

/** What `ownlens hub --json` prints, line by line: the hub first, then a code each time that one was used. */
class Lines {
  #hub: { hub: string; broker: string } | undefined
  readonly #codes: string[] = []
  readonly #seen = new Set<string>()
  #wake: (() => void)[] = []

  take(text: string): void {
    let value: unknown
    try {
      value = JSON.parse(text)
    } catch {
      return
    }
    const read = line.safeParse(value)
    if (!read.success) return
    if ('hub' in read.data) this.#hub = read.data
    if (!this.#seen.has(read.data.code)) {
      this.#seen.add(read.data.code)
      this.#codes.push(read.data.code)
    }
    for (const wake of this.#wake.splice(0)) wake()
  }

  async hub(): Promise<{ hub: string; broker: string }> {
    return this.#until(() => this.#hub, 'it does not say where it is')
  }

  async nextCode(): Promise<string> {
    return this.#until(() => this.#codes.shift(), 'no code for another household')
  }

  async #until<T>(get: () => T | undefined, missing: string): Promise<T> {
    const late = performance.now() + START_MS
    for (;;) {
      const found = get()
      if (found !== undefined) return found
      const left = late - performance.now()
      if (left <= 0) throw new OwnlensError('fleet.hub', missing)
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, left)
        this.#wake.push(() => {
          clearTimeout(timer)
          resolve()
        })
      })
    }
  }
}

/**
 * Starts a hub as a process of its own, on free ports of the loopback.
 *
 * @throws OwnlensError `fleet.hub`.
 */
export async function startHubProcess(data: string, broker: 'aedes' | 'mosquitto'): Promise<FleetHub> {
  const lines = new Lines()
  const [port, mqttPort] = [await freePort(LOOPBACK), await freePort(LOOPBACK)]
  const program = fileURLToPath(new URL('../ownlens.js', import.meta.url))
  const args = [
    ...[program, 'hub', '--json', '--data', data, '--broker', broker, '--log-level', 'warn'],
    ...['--port', String(port), '--mqtt-port', String(mqttPort), '--requests-per-minute', '100000'],
  ]
  let child: ChildProcess | undefined
  let words = ''
  const start = async () => {
    const running = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    child = running
    running.stderr.on('data', (bytes: Buffer) => {
      words = (words + bytes.toString()).slice(-2000)
    })
    createInterface({ input: running.stdout }).on('line', text => lines.take(text))
    await Promise.race([
      once(running.stdout, 'data'),
      once(running, 'exit').then(() => {
        throw new OwnlensError('fleet.hub', words.trim().slice(-500))
      }),
    ])
  }
  const end = async (signal: NodeJS.Signals) => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill(signal)
    await gone
  }
  await start()
  const { hub } = await lines.hub()
  return {
    address: readHubAddress(hub),
    places: [port, mqttPort].map(one => ({ host: LOOPBACK, port: one })),
    own: true,
    get pid() {
      return child?.pid
    },
    nextCode: () => lines.nextCode(),
    kill: () => end('SIGKILL'),
    start,
    close: () => end('SIGTERM'),
  }
}

/**
 * Follows a hub that somebody else has started, by the file that its output goes to (`ownlens hub --json >FILE`).
 *
 * @throws OwnlensError `fleet.hub`.
 */
export async function followHub(file: string): Promise<FleetHub> {
  const lines = new Lines()
  const over = new AbortController()
  let from = 0
  let reading = Promise.resolve()
  const more = () => {
    reading = reading.then(
      () =>
        new Promise(resolve => {
          const stream = createReadStream(file, { start: from })
          stream.on('data', chunk => {
            from += chunk.length
          })
          stream.on('error', () => resolve())
          const reader = createInterface({ input: stream })
          reader.on('line', text => lines.take(text))
          reader.on('close', () => resolve())
        }),
    )
  }
  try {
    watch(file, { signal: over.signal }, more)
  } catch (cause) {
    throw new OwnlensError('fleet.hub', file, { cause })
  }
  more()
  const { hub, broker } = await lines.hub()
  const address = readHubAddress(hub)
  const nothing = async () => undefined
  return {
    ...{ address, own: false, pid: undefined, kill: nothing, start: nothing },
    places: [placeOf(address.url, 8443), placeOf(broker, 8883)],
    nextCode: () => lines.nextCode(),
    close: async () => over.abort(),
  }
}

function placeOf(url: string, byDefault: number): { host: string; port: number } {
  const { hostname, port } = new URL(url)
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || byDefault) }
}
