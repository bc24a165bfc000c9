import { dirname } from 'node:path'
import { codeOf, type ErrorCode, OwnlensError } from '../../protocol/errors.ts'
import { type Registration, readRegistration } from '../../protocol/maker.ts'
import { type Disk, readSettled, readText, replaceFile } from '../../storage/disk.ts'

/** The file is written whole for each board; so many of them stay quick. */
const FILE_MAX = 16 * 1024 * 1024

/** A line of the file: a registration, or why it is none. */
export type Written =
  | { readonly jws: string; readonly registration: Registration }
  | { readonly jws: string; readonly damaged: ErrorCode | undefined }

/**
 * Registrations that could not be handed in when they were made: a statement a line. Whole after a power cut, the board that
 * was being made in it or not.
 */
export class OfflineFile {
  readonly #disk: Disk
  readonly #path: string

  constructor(disk: Disk, path: string) {
    this.#disk = disk
    this.#path = path
  }

  /** All lines. Throws `factory.file` when there is no such file. */
  async read(): Promise<readonly Written[]> {
    const text = await readText(this.#disk, this.#path)
    if (text === undefined) throw new OwnlensError('factory.file', this.#path)
    return lines(text)
  }

  /**
   * Adds a registration. The same board with the same serial is in it once, as it was made last: that code is in its box.
   *
   * @throws OwnlensError `serial.taken`, `serial.key`: what the hub would say of two lines; `factory.full`.
   */
  async add(jws: string): Promise<void> {
    const fresh = await readRegistration(jws)
    const text = (await readSettled(this.#disk, this.#path)) ?? ''
    const others: string[] = []
    for (const line of text.split('\n').filter(found => found !== '')) {
      const { serial, deviceId } = glance(line)
      if (serial === fresh.serial && deviceId === fresh.deviceId) continue
      others.push(line)
      if (serial === fresh.serial) throw new OwnlensError('serial.taken', fresh.serial)
      if (deviceId === fresh.deviceId) throw new OwnlensError('serial.key', fresh.serial)
    }
    const lines = [...others, jws, '']
    if (text.length + jws.length > FILE_MAX) throw new OwnlensError('factory.full', this.#path)
    await this.#disk.makeFolder(dirname(this.#path))
    await replaceFile(this.#disk, this.#path, lines.join('\n'))
  }
}

/** What this station wrote itself, unchecked: to check ten thousand signatures for each new board would take seconds. */
function glance(line: string): { serial?: unknown; deviceId?: unknown } {
  try {
    const payload = Buffer.from(line.split('.')[1] ?? '', 'base64url').toString()
    return (JSON.parse(payload) as object | null) ?? {}
  } catch {
    return {}
  }
}

async function lines(text: string): Promise<readonly Written[]> {
  const found = text.split('\n').filter(line => line !== '')
  return Promise.all(
    found.map(async jws => {
      try {
        return { jws, registration: await readRegistration(jws) }
      } catch (error) {
        return { jws, damaged: codeOf(error) }
      }
    }),
  )
}
