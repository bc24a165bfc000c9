/** Bytes of a fixed header: one of type, one to four of length. */
const HEADER_MAX = 5

/**
 * Reads along with an MQTT stream and knows how large each packet says that it is (MQTT 3.1.1 §2.2), before its bytes are
 * held anywhere.
 */
export class PacketGauge {
  /** The most bytes that a packet may announce behind its fixed header. */
  max: number
  #skip = 0
  #headerBytes = 0
  #length = 0

  constructor(max: number) {
    this.max = max
  }

  /** False when these bytes announce a packet that is too large, or no MQTT packet at all. */
  accepts(bytes: Uint8Array): boolean {
    let at = 0
    while (at < bytes.length) {
      if (this.#skip > 0) {
        const step = Math.min(this.#skip, bytes.length - at)
        this.#skip -= step
        at += step
      } else if (!this.#header(bytes[at++] ?? 0)) return false
    }
    return true
  }

  #header(byte: number): boolean {
    this.#headerBytes++
    if (this.#headerBytes === 1) return true
    this.#length += (byte & 0x7f) * 128 ** (this.#headerBytes - 2)
    const more = (byte & 0x80) !== 0
    if (more) return this.#headerBytes < HEADER_MAX
    this.#skip = this.#length
    this.#headerBytes = 0
    this.#length = 0
    return this.#skip <= this.max
  }
}
