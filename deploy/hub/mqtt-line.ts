import { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { MESSAGE_MAX } from '../../protocol/part.ts'
import { PacketGauge } from '../../wire/packet-gauge.ts'

/** A CONNECT of ours has a client id of 61 characters and nothing else. */
const CONNECT_MAX = 1024
/** A message with its topic. */
const PACKET_MAX = MESSAGE_MAX + 1024
/** What waits to be read by one client; one more message, and the session ends. */
export const BEHIND_MAX = 8 * 1024 ** 2

/**
 * A client's connection as the broker sees it. Before it is known who is there, packets must be small. Towards the client it
 * holds `BEHIND_MAX` bytes: a broker that waits for one slow reader makes all others wait.
 */
export class MqttLine extends Duplex {
  readonly socket: TLSSocket
  readonly #gauge = new PacketGauge(CONNECT_MAX)

  constructor(socket: TLSSocket) {
    super({ writableHighWaterMark: 2 * BEHIND_MAX, readableHighWaterMark: 64 * 1024, decodeStrings: true })
    this.socket = socket
    socket.on('data', (bytes: Buffer) => {
      if (!this.#gauge.accepts(bytes)) this.destroy()
      else if (!this.push(bytes)) socket.pause()
    })
    socket.on('end', () => this.push(null))
    socket.on('error', () => this.destroy())
    socket.on('close', () => this.destroy())
  }

  /** It is known who is there: messages may come. */
  open(): void {
    this.#gauge.max = PACKET_MAX
  }

  /** Bytes that the client has not taken yet. */
  get behind(): number {
    return this.writableLength
  }

  override _read(): void {
    this.socket.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.socket.write(chunk, done)
  }

  override _writev(
    chunks: readonly { chunk: Buffer; encoding: BufferEncoding }[],
    done: (error?: Error | null) => void,
  ): void {
    this.socket.cork()
    for (const [index, { chunk }] of chunks.entries())
      this.socket.write(chunk, index === chunks.length - 1 ? done : undefined)
    this.socket.uncork()
  }

  override _final(done: () => void): void {
    this.socket.end(done)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.socket.destroy()
    done(error)
  }
}
