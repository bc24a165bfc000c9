import { resolve } from 'node:path'
import { InvalidArgumentError } from 'commander'
import { askPassphrase } from '../../cli/passphrase.ts'
import { serialNumber } from '../../protocol/maker.ts'
import { disk } from '../../storage/disk.ts'
import { lockFolder } from '../../storage/lock.ts'
import { RootFolder } from './root.ts'
import { Station } from './station.ts'

/** A command that needs the maker’s root. */
export interface WithRoot {
  readonly data: string
  readonly passphraseFile?: string
  readonly json?: boolean
}

/** A command at a station. */
export interface AtStation {
  readonly station: string
  readonly json?: boolean
}

export const HUB = 'as `ownlens hub` printed it: https://host:port#fingerprint'

/** The root with its key. Throws `factory.*`, `home.passphrase*`. */
export async function unlocked(flags: WithRoot, now: Date): ReturnType<RootFolder['unlock']> {
  const folder = new RootFolder(disk, flags.data)
  // Whoever has the wrong folder is told so before a passphrase is asked for.
  await folder.certificate(now)
  return folder.unlock(await askPassphrase('The passphrase of the maker’s root: ', flags.passphraseFile), now)
}

/** Nobody else uses the station’s folder meanwhile. */
export async function withStation<T>(flags: AtStation, use: (station: Station) => Promise<T>): Promise<T> {
  const folder = resolve(flags.station)
  const station = await Station.open(disk, folder, new Date())
  return locked(folder, () => use(station))
}

/** One command at a time. Throws `data.in_use`. */
export async function locked<T>(folder: string, use: () => Promise<T>): Promise<T> {
  const unlock = lockFolder(folder)
  try {
    return await use()
  } finally {
    unlock()
  }
}

/** One line for programs, or some for people. */
export function say(flags: { readonly json?: boolean }, value: object, ...lines: readonly string[]): void {
  process.stdout.write(`${flags.json ? JSON.stringify(value) : lines.join('\n')}\n`)
}

/** X.520 allows 64 characters. */
export function commonName(text: string): string {
  if (!/^[^\p{Cc}\p{Cs}]{1,64}$/u.test(text)) throw new InvalidArgumentError('1 to 64 characters are wanted.')
  return text
}

export function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new InvalidArgumentError('a whole number is wanted.')
  return Number(text)
}

/** What is printed on a box. */
export function serial(text: string): string {
  if (!serialNumber.safeParse(text).success)
    throw new InvalidArgumentError('1 to 32 letters, digits, dots and dashes are wanted.')
  return text
}
