import { resolve } from 'node:path'
import { askPassphrase } from '../../cli/passphrase.ts'
import { OwnlensError } from '../../protocol/errors.ts'
import { signerOf } from '../../protocol/keys.ts'
import { type MakerKeyKind, makerKeyKinds } from '../../protocol/maker-keys.ts'
import { makeStatement } from '../../protocol/statement.ts'
import { disk } from '../../storage/disk.ts'
import { readHubAddress } from '../../wire/hub-address.ts'
import { HubClient } from '../../wire/hub-client.ts'
import { locked, say, unlocked, type WithRoot } from './command.ts'
import { KeyBook, keyInFolder, type MakerKey } from './key-book.ts'
import { RootFolder } from './root.ts'
import { SignerFolder } from './signer.ts'

interface Tell extends WithRoot {
  readonly hub: string
  readonly number?: number
}

/** `ownlens factory signer`. */
export async function makeSigner(
  name: string,
  flags: { out: string; passphraseFile?: string; json?: boolean },
): Promise<void> {
  const passphrase = await askPassphrase('A passphrase for the signer’s key: ', flags.passphraseFile, {
    twice: true,
  })
  const folder = new SignerFolder(disk, flags.out)
  const { keyId } = await locked(folder.folder, () => folder.create({ name, passphrase }))
  say(
    flags,
    { signerId: keyId, folder: folder.folder },
    `Signer ${name} (${keyId}) is made. Its key is in ${folder.folder}, under the passphrase.`,
    'It counts as soon as the maker’s root has announced it. Take the folder, or signer.json alone, to that machine:',
    '  ownlens factory announce FOLDER --data … --hub …',
  )
}

/** `ownlens factory announce`. */
export async function announce(folder: string, flags: Tell): Promise<void> {
  const now = new Date()
  const root = await new RootFolder(disk, flags.data).certificate(now)
  const key = await keyInFolder(disk, resolve(folder), { root, now })
  if (key === undefined) throw new OwnlensError('factory.key', folder)
  const number = await tell(key, true, flags)
  say(
    flags,
    { ...key, number, active: true },
    key.kind === 'station'
      ? `The hub takes what station ${key.name} (${key.keyId}) makes from now on.`
      : `The hub takes orders of signer ${key.name} (${key.keyId}) from now on.`,
  )
}

/** `ownlens factory revoke`. */
export async function revoke(wanted: string, flags: Tell & { as?: MakerKeyKind }): Promise<void> {
  const now = new Date()
  const folder = new RootFolder(disk, flags.data)
  const root = await folder.certificate(now)
  const key =
    (await keyInFolder(disk, resolve(wanted), { root, now })) ??
    (await new KeyBook(disk, folder.folder).find(wanted, flags.as))
  const number = await tell(key, false, flags)
  say(
    flags,
    { ...key, number, active: false },
    ...(key.kind === 'station'
      ? [
          `Station ${key.name} (${key.keyId}) is revoked: the hub takes nothing of it any more.`,
          'Cameras that it registered before go on. For one that it made and had not handed in yet:',
          '  ownlens factory serial --serial … --device …',
        ]
      : [
          `Signer ${key.name} (${key.keyId}) is revoked: the hub takes no order of it any more.`,
          'What it ordered before stands until somebody lifts it with `ownlens block --lift`.',
        ]),
  )
}

/** The root's word on this key, written down and then said. Returns its number. */
async function tell(key: MakerKey, active: boolean, flags: Tell): Promise<number> {
  const hub = new HubClient(readHubAddress(flags.hub))
  const now = new Date()
  const signer = signerOf((await unlocked(flags, now)).key)
  const folder = new RootFolder(disk, flags.data)
  const { kind, keyId, name } = key
  const number = await locked(folder.folder, async () => {
    await new KeyBook(disk, folder.folder).enter(key)
    return folder.nextNumber(flags.number)
  })
  const payload = { keyId, name, number, active, issuedAt: now.toISOString() }
  const word = await makeStatement(makerKeyKinds[kind], payload, signer)
  await (kind === 'station'
    ? hub.request(null, { action: 'station', station: word }, signer)
    : hub.request(null, { action: 'signer', signer: word }, signer))
  return number
}
