import { join, resolve } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import { askPassphrase } from '../../cli/passphrase.ts'
import { text } from '../../protocol/fields.ts'
import { ID_PATTERN } from '../../protocol/ids.ts'
import { signerOf } from '../../protocol/keys.ts'
import { serialKind } from '../../protocol/maker.ts'
import { makeStatement } from '../../protocol/statement.ts'
import { disk, replaceFile } from '../../storage/disk.ts'
import { readHubAddress } from '../../wire/hub-address.ts'
import { HubClient } from '../../wire/hub-client.ts'
import { boardHere, readBirthFile } from './board.ts'
import {
  type AtStation,
  commonName,
  HUB,
  locked,
  say,
  serial,
  unlocked,
  type WithRoot,
  wholeNumber,
  withStation,
} from './command.ts'
import { type Conflict, handIn, register } from './hand-in.ts'
import { announce, makeSigner, revoke } from './key-commands.ts'
import { makeBoard } from './make.ts'
import { OfflineFile } from './offline-file.ts'
import { RootFolder } from './root.ts'
import { Station } from './station.ts'

interface Make extends AtStation {
  readonly serial: string
  readonly board?: string
  readonly birth?: string
  readonly out?: string
  readonly hub?: string
  readonly offline?: string
}

const NUMBER = 'at least this one, if `--data` is older than its newest word'

/** `ownlens factory`. */
export function factoryCommand(): Command {
  const factory = new Command('factory').description(
    'For a maker of cameras: root, stations, boards, serials.',
  )
  const add = (name: string, says: string) =>
    factory.command(name).description(says).option('--json', 'for programs')
  const withRoot = (name: string, says: string) =>
    add(name, says)
      .requiredOption('--data <folder>', 'where the maker’s root is kept: offline, in a safe')
      .option('--passphrase-file <file>', 'the root key’s passphrase, else it is asked for')
  const atStation = (name: string, says: string) =>
    add(name, says).requiredOption('--station <folder>', 'as `ownlens factory station` made it')

  withRoot('init', 'make the maker’s root')
    .option('--name <name>', 'of the maker, in its certificates', commonName, 'Ownlens maker')
    .action(init)
  withRoot('station', 'certify a station, for ten years; again to renew it')
    .argument('<name>', 'of the station, in its certificate', commonName)
    .requiredOption('--out <folder>', 'the station’s own folder')
    .action(certify)
  withRoot('announce', 'tell a hub that a station or a signer counts from now on')
    .argument('<folder>', 'its own, or a copy of its `station.pem` or `signer.json`')
    .requiredOption('--hub <address>', HUB)
    .option('--number <number>', NUMBER, wholeNumber)
    .action(announce)
  withRoot('revoke', 'tell a hub that a station or a signer counts no more: it was stolen, or is given up')
    .argument('<key>', 'its folder, its id, or the name under which it was announced')
    .requiredOption('--hub <address>', HUB)
    .addOption(
      new Option('--as <office>', 'for an id that `--data` does not know').choices(['station', 'signer']),
    )
    .option('--number <number>', NUMBER, wholeNumber)
    .action(revoke)
  add('signer', 'make the key of somebody who may order that cameras are blocked')
    .argument('<name>', 'of the person or office that keeps it', signerName)
    .requiredOption('--out <folder>', 'the signer’s own folder')
    .option('--passphrase-file <file>', 'a passphrase for the key, else it is asked for')
    .action(makeSigner)
  atStation('nonce', 'say a nonce that a board elsewhere is to sign, within a day').action(nonce)
  atStation('make', 'make a board: check its key, register key and serial, certify both')
    .requiredOption('--serial <serial>', 'what is printed on the box', serial)
    .option('--board <folder>', 'the board’s data folder; its certificate is put there')
    .option('--birth <file>', 'what `ownlens agent birth` wrote on a board elsewhere')
    .option('--out <file>', 'where its certificate is to be put; default: BOARD/idevid.pem')
    .addOption(new Option('--hub <address>', HUB).conflicts('offline'))
    .option('--offline <file>', 'write the registration down, for `merge`')
    .action(make)
  atStation('merge', 'hand in what this station made offline')
    .argument('<files...>')
    .requiredOption('--hub <address>', HUB)
    .action(merge)
  withRoot('serial', 'say whose a serial is from now on: after a repair, for a new label, in a dispute')
    .requiredOption('--serial <serial>', 'what is printed on the box', serial)
    .requiredOption('--device <id>', 'the camera that bears it', deviceId)
    .requiredOption('--hub <address>', HUB)
    .option('--number <number>', NUMBER, wholeNumber)
    .action(settle)
  return factory
}

async function init(flags: WithRoot & { name: string }): Promise<void> {
  const passphrase = await askPassphrase('A passphrase for the maker’s root: ', flags.passphraseFile, {
    twice: true,
  })
  const folder = new RootFolder(disk, flags.data)
  const { id } = await locked(folder.folder, () =>
    folder.create({ name: flags.name, passphrase, now: new Date() }),
  )
  const { certificatePath } = folder
  say(
    flags,
    { rootId: id, certificate: certificatePath },
    `The maker’s root ${id} is made.`,
    `Its key is in ${folder.folder}: keep that folder offline, with a copy somewhere else.`,
    `Its certificate is for hubs: ownlens hub --profile maker --maker-root ${certificatePath}`,
  )
}

async function certify(name: string, flags: WithRoot & { out: string }): Promise<void> {
  const now = new Date()
  const root = await unlocked(flags, now)
  const out = resolve(flags.out)
  const { signer, authority } = await locked(out, () => Station.certify(disk, out, { root, name, now }))
  const until = authority.certificate.notAfter.toISOString().slice(0, 10)
  say(
    flags,
    { stationId: signer.id, folder: out, until },
    `Station ${name} (${signer.id}) may make boards until ${until}. Its key is in ${out}.`,
    'Whoever has that folder can register cameras; the maker’s root is not needed there.',
    `Hubs take what it makes as soon as they were told: ownlens factory announce ${out} --data … --hub …`,
  )
}

async function nonce(flags: AtStation): Promise<void> {
  const text = await withStation(flags, station => station.giveNonce(new Date()))
  say(flags, { nonce: text }, text)
}

async function make(flags: Make, command: Command): Promise<void> {
  if ((flags.hub === undefined) === (flags.offline === undefined))
    command.error('error: one of --hub and --offline is needed')
  if (flags.board === undefined && (flags.birth === undefined || flags.out === undefined))
    command.error('error: --board is needed, or both --birth and --out')
  const hub = flags.hub === undefined ? undefined : new HubClient(readHubAddress(flags.hub))
  const file = new OfflineFile(disk, resolve(flags.offline ?? ''))
  const out = resolve(flags.out ?? join(flags.board ?? '', 'idevid.pem'))
  await withStation(flags, async station => {
    const now = new Date()
    const nonce = flags.birth === undefined ? await station.giveNonce(now) : undefined
    const birth =
      nonce === undefined
        ? await readBirthFile(disk, resolve(flags.birth ?? ''))
        : await boardHere(resolve(flags.board ?? ''), ownlens())(flags.serial, nonce)
    const { deviceId, boxCode } = await makeBoard(
      station,
      { serial: flags.serial, birth, now },
      {
        asked: async given => (nonce === undefined ? station.isOpen(given, now) : given === nonce),
        register: async registration => {
          if (hub === undefined) await file.add(registration)
          else await register(hub, station, registration, { offline: false })
        },
        keep: idevid => replaceFile(disk, out, idevid, 0o644),
      },
    )
    say(
      flags,
      {
        ...{ serial: flags.serial, deviceId, boxCode },
        ...{ registered: hub === undefined ? 'file' : 'hub', idevid: out },
      },
      `Board ${deviceId} bears ${flags.serial}. Its certificate is in ${out}.`,
      hub === undefined
        ? `It is written down in ${flags.offline}; hand that in with \`ownlens factory merge\`.`
        : 'The hub knows it.',
      `Put this code into its box, on paper: ${boxCode}`,
      'Whoever has it may ask whether the camera is blocked (`ownlens check`). It is told nowhere again.',
    )
  })
}

async function merge(files: readonly string[], flags: AtStation & { hub: string }): Promise<void> {
  const hub = new HubClient(readHubAddress(flags.hub))
  await withStation(flags, async station => {
    const read = await Promise.all(files.map(file => new OfflineFile(disk, resolve(file)).read()))
    const { boards, conflicts } = await handIn(hub, station, read.flat())
    if (conflicts.length > 0) process.exitCode = 1
    say(
      flags,
      { boards, conflicts },
      `${boards - conflicts.length} of ${boards} boards are registered and in no conflict.`,
      ...conflicts.map(describe),
    )
  })
}

async function settle(
  flags: WithRoot & { serial: string; device: string; hub: string; number?: number },
): Promise<void> {
  const hub = new HubClient(readHubAddress(flags.hub))
  const now = new Date()
  const signer = signerOf((await unlocked(flags, now)).key)
  const folder = new RootFolder(disk, flags.data)
  const number = await locked(folder.folder, () => folder.nextNumber(flags.number))
  const { serial, device: deviceId } = flags
  const issuedAt = now.toISOString()
  const word = await makeStatement(serialKind, { serial, deviceId, number, issuedAt }, signer)
  await hub.request(null, { action: 'serial', serial: word }, signer)
  say(flags, { serial, deviceId, number }, `${serial} is ${deviceId}’s from now on (number ${number}).`)
}

/** What a person does about a board that is in a conflict. */
function describe({ serial, deviceId, code }: Conflict): string {
  if (serial === null) return `  a line that is no registration: ${code}`
  const why: Record<string, string> = {
    'serial.disputed': 'another camera bears this serial; settle it with `ownlens factory serial`',
    'serial.key': 'this camera is registered under another serial',
    'serial.taken': 'the maker’s root has given this serial to another camera',
    'statement.signer': 'another station made it; hand it in from there',
  }
  return `  ${serial}  ${deviceId}  ${code}: ${why[code] ?? 'refused'}`
}

/** How this very program was started. */
const ownlens = (): [string, string] => [process.execPath, process.argv[1] ?? '']

function deviceId(text: string): string {
  if (!ID_PATTERN.test(text)) throw new InvalidArgumentError('an id of 52 characters is wanted.')
  return text
}

/** As statements carry it: 64 characters on one line. */
function signerName(name: string): string {
  if (!text(64).min(1).safeParse(name).success)
    throw new InvalidArgumentError('1 to 64 characters are wanted.')
  return name
}
