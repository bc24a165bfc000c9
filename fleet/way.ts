import { connect, createServer, type Server, type Socket } from 'node:net'
import type { Road } from '../wire/road.ts'

/** How a network behaves. */
export interface Network {
  /** Milliseconds, one way. */
  readonly latency: number
  /** Up to so many more. */
  readonly jitter: number
  /** Kilobits a second, each way; undefined: as fast as it goes. */
  readonly kbits?: number | undefined
}

/** A network that does nothing. */
export const OPEN: Network = { latency: 0, jitter: 0 }
/** `network.slow` */
export const SLOW: Network = { latency: 200, jitter: 50, kbits: 64 }

/** Bytes that are on their way in one direction, at most: then who sends must wait. */
const ON_THE_WAY = 256 * 1024
const CHUNK = 16 * 1024

/**
 * A device's way to its hub. Connections really go through it (TCP on the loopback), so that it can be slow, or gone in the middle
 * of a message; TLS goes through it untouched.
 */
export class Way {
  #network: Network
  #isGone = false
  /** A connection goes straight as long as nothing is asked of the way. */
  #isNeeded = false
  readonly #servers = new Map<string, { server: Server; port: Promise<number>; now?: number }>()
  readonly #sockets = new Set<Socket>()
  readonly #jitter: () => number

  /** @param jitter numbers from 0 to 1. */
  constructor(
    network: Network,
    { needed, jitter = Math.random }: { needed: boolean; jitter?: () => number },
  ) {
    this.#network = network
    this.#isNeeded = needed
    this.#jitter = jitter
  }

  /** Opens the ways to these places. */
  async open(places: readonly { host: string; port: number }[]): Promise<void> {
    if (!this.#isNeeded) return
    for (const place of places) {
      const { server, port } = this.#serve(place)
      this.#servers.set(nameOf(place), { server, port, now: await port })
    }
  }

  readonly road: Road = to => {
    const port = this.#servers.get(nameOf(to))?.now
    return port === undefined ? to : { host: '127.0.0.1', port }
  }

  set network(network: Network) {
    this.#network = network
  }

  /** Whether nothing gets through: what is open breaks, what is new is refused. */
  set gone(gone: boolean) {
    this.#isGone = gone
    if (gone) for (const socket of this.#sockets) socket.destroy()
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    const closing = [...this.#servers.values()].map(
      ({ server }) => new Promise<void>(resolve => server.close(() => resolve())),
    )
    await Promise.all(closing)
  }

  #serve({ host, port }: { host: string; port: number }) {
    const server = createServer({ allowHalfOpen: true }, near => {
      if (this.#isGone) return void near.destroy()
      const far = connect({ host, port, allowHalfOpen: true })
      for (const socket of [near, far]) {
        socket.setNoDelay(true)
        this.#sockets.add(socket)
        socket.on('error', () => undefined)
        socket.once('close', () => this.#sockets.delete(socket))
      }
      this.#carry(near, far)
      this.#carry(far, near)
    })
    const listening = new Promise<number>(resolve =>
      server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port)),
    )
    return { server, port: listening }
  }

  /** Carries bytes one way, each as late as the network makes it, in their order; an end comes after all of them. */
  #carry(from: Socket, to: Socket): void {
    const queue: { readonly dueAt: number; readonly deliver: () => void }[] = []
    let [freeAt, dueAt, onTheWay] = [0, 0, 0]
    let timer: NodeJS.Timeout | undefined
    const run = () => {
      timer = undefined
      while ((queue[0]?.dueAt ?? Number.POSITIVE_INFINITY) <= performance.now()) queue.shift()?.deliver()
      const [next] = queue
      if (next !== undefined) timer = setTimeout(run, Math.max(1, next.dueAt - performance.now()))
    }
    const later = (deliver: () => void) => {
      queue.push({ dueAt, deliver })
      if (timer === undefined) run()
    }
    const send = (bytes: Buffer) => {
      const { latency, jitter, kbits } = this.#network
      freeAt = Math.max(performance.now(), freeAt) + (kbits === undefined ? 0 : (bytes.length * 8) / kbits)
      dueAt = Math.max(dueAt, freeAt + latency + jitter * this.#jitter())
      onTheWay += bytes.length
      if (onTheWay >= ON_THE_WAY) from.pause()
      later(() => {
        onTheWay -= bytes.length
        if (!to.destroyed) to.write(bytes)
        if (onTheWay < ON_THE_WAY) from.resume()
      })
    }
    from.on('data', (all: Buffer) => {
      for (let at = 0; at < all.length; at += CHUNK) send(all.subarray(at, at + CHUNK))
    })
    from.once('end', () => later(() => to.end()))
    from.once('close', () => later(() => to.destroySoon()))
  }
}

const nameOf = ({ host, port }: { host: string; port: number }): string => `${host}:${port}`
