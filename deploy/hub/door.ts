import type { Server, Socket } from 'node:net'

export interface DoorOptions {
  /** So many connections at once from one network. */
  readonly perNetwork: number
  /** And from everywhere. */
  readonly inAll: number
}

/** Lets so many strangers in at once: what is over is closed before it costs a TLS handshake. */
export class Door {
  readonly #options: DoorOptions
  readonly #inside = new Map<string, number>()
  readonly #release = new Map<string, () => void>()
  readonly #sockets = new Set<Socket>()

  constructor(options: DoorOptions) {
    this.#options = options
  }

  /** Watches a TCP or TLS server's raw connections. */
  guard(server: Server): void {
    server.on('connection', (socket: Socket) => this.#enter(socket))
  }

  /** Whoever is behind this connection is no stranger any more and counts no longer. */
  known(socket: Pick<Socket, 'remoteAddress' | 'remotePort'>): void {
    this.#release.get(keyOf(socket))?.()
  }

  /** Strangers inside. */
  get strangers(): number {
    return this.#release.size
  }

  /** Closes every connection that came through this door, known ones too. */
  endAll(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  #enter(socket: Socket): void {
    const network = networkOf(socket.remoteAddress ?? '')
    const inside = this.#inside.get(network) ?? 0
    if (inside >= this.#options.perNetwork || this.#release.size >= this.#options.inAll) {
      socket.destroy()
      return
    }
    this.#inside.set(network, inside + 1)
    const key = keyOf(socket)
    const release = () => {
      if (this.#release.get(key) !== release) return
      this.#release.delete(key)
      const left = (this.#inside.get(network) ?? 1) - 1
      if (left > 0) this.#inside.set(network, left)
      else this.#inside.delete(network)
    }
    this.#release.set(key, release)
    this.#sockets.add(socket)
    socket.once('close', () => {
      this.#sockets.delete(socket)
      release()
    })
  }
}

function keyOf({ remoteAddress, remotePort }: Pick<Socket, 'remoteAddress' | 'remotePort'>): string {
  return `${remoteAddress} ${remotePort}`
}

/** What one party has to itself: an IPv4 address, or the /64 of an IPv6 one. */
export function networkOf(address: string): string {
  const [bare = ''] = address.toLowerCase().split('%')
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(bare)
  if (mapped?.[1]) return mapped[1]
  if (!bare.includes(':')) return bare
  const [head = '', tail] = bare.split('::')
  const front = head === '' ? [] : head.split(':')
  const back = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = Array.from({ length: Math.max(0, 8 - front.length - back.length) }, () => '0')
  const groups = [...front, ...zeros, ...back].map(group => group.replace(/^0+(?=.)/, ''))
  return `${groups.slice(0, 4).join(':')}::/64`
}
