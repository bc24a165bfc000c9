import type { Placed, Tell } from './finding.ts'

interface Binding {
  readonly serial: string
  readonly deviceId: string
}

/** One serial, several keys: who bears which serial, by stations and by the root's words. */
export class Serials {
  readonly #tell: Tell
  /** Devices of each serial, with the entry that bound them. */
  readonly #devices = new Map<string, Map<string, number>>()
  readonly #serials = new Map<string, string>()
  /** Serials that several keys bore at once: all that ever did. */
  readonly #shared = new Map<string, { readonly devices: Map<string, number>; settled?: number }>()
  #newest: { readonly number: number; readonly position: number } = { number: 0, position: -1 }

  constructor(tell: Tell) {
    this.#tell = tell
  }

  bind({ position }: Placed, { serial, deviceId }: Binding): void {
    const own = this.#serials.get(deviceId)
    if (own !== undefined && own !== serial) {
      const positions = [this.#devices.get(own)?.get(deviceId) ?? position, position]
      this.#tell('serial', 'one key under two serials', {
        positions,
        devices: [deviceId],
        serials: [own, serial],
      })
      return
    }
    const devices = this.#devices.get(serial) ?? new Map<string, number>()
    this.#devices.set(serial, devices)
    if (!devices.has(deviceId)) devices.set(deviceId, position)
    this.#serials.set(deviceId, serial)
    if (devices.size < 2) return
    const { devices: before = new Map<string, number>() } = this.#shared.get(serial) ?? {}
    this.#shared.set(serial, { devices: new Map([...before, ...devices]) })
  }

  /** The root's word: from now on this serial is this device's alone. */
  settle({ position }: Placed, { serial, deviceId, number }: Binding & { number: number }): void {
    if (number <= this.#newest.number) {
      const positions = [this.#newest.position, position]
      this.#tell('order', `word ${number} on a serial behind ${this.#newest.number}`, {
        positions,
        serials: [serial],
      })
      return
    }
    this.#newest = { number, position }
    for (const other of this.#devices.get(serial)?.keys() ?? []) this.#serials.delete(other)
    const own = this.#serials.get(deviceId)
    if (own !== undefined) this.#devices.get(own)?.delete(deviceId)
    this.#devices.set(serial, new Map([[deviceId, position]]))
    this.#serials.set(deviceId, serial)
    const shared = this.#shared.get(serial)
    if (shared !== undefined) shared.settled = position
  }

  end(): void {
    for (const [serial, { devices, settled }] of this.#shared) {
      const positions = [...devices.values(), ...(settled === undefined ? [] : [settled])]
      const says = `${devices.size} keys${settled === undefined ? '' : `; the root has said whose it is in entry ${settled}`}`
      this.#tell('serial', says, { positions, devices: [...devices.keys()], serials: [serial] })
    }
  }
}
