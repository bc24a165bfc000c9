import { resolve } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import { askLine, isYes } from '../../cli/ask-line.ts'
import { askPassphrase } from '../../cli/passphrase.ts'
import { OwnlensError } from '../../protocol/errors.ts'
import { text } from '../../protocol/fields.ts'
import { ID_PATTERN } from '../../protocol/ids.ts'
import type { Signer } from '../../protocol/keys.ts'
import { MAKER_BLOCK_DEVICES } from '../../protocol/maker-block.ts'
import { statementHash } from '../../protocol/statement.ts'
import { disk } from '../../storage/disk.ts'
import { readHubAddress } from '../../wire/hub-address.ts'
import { HubClient } from '../../wire/hub-client.ts'
import {
  ALONE_MAX,
  describeOrder,
  giveAbove,
  readOrderFile,
  signOrder,
  signSecond,
  type Wish,
  writeOrderFile,
} from './block-order.ts'
import { bearersOf, describeBearers, isAmbiguous, pick } from './chosen-keys.ts'
import { HUB, say, serial } from './command.ts'
import { SignerFolder } from './signer.ts'

interface Flags {
  readonly serial?: readonly string[]
  readonly hub?: string
  readonly signer: string
  readonly second?: string
  readonly out?: string
  readonly countersign?: string
  readonly lift?: boolean
  readonly reason: string
  readonly above: number
  readonly yes?: boolean
  readonly passphraseFile?: string
  readonly secondPassphraseFile?: string
  readonly json?: boolean
}

/** `ownlens block`. */
export function blockCommand(): Command {
  return new Command('block')
    .description(
      'For a maker: cameras reach nobody any more, at once and in every home, until another order lifts it. More than ten within a day need a second signer.',
    )
    .argument('[keys...]', 'ids of the cameras’ keys', ids, [])
    .option('--serial <serials...>', 'resolved to keys, which are shown first', serials)
    .option('--hub <address>', HUB)
    .requiredOption('--signer <folder>', 'as `ownlens factory signer` made it')
    .option('--second <folder>', 'of the second signer, when both are at this machine')
    .addOption(
      new Option('--out <file>', 'write the order down for the second signer’s machine').conflicts('second'),
    )
    .addOption(
      new Option('--countersign <file>', 'as the second signer: look at an order, confirm it, give it')
        // What it says is in the file.
        .conflicts(['second', 'out', 'serial', 'lift', 'above']),
    )
    .option('--lift', 'lift the block instead')
    .option('--reason <text>', 'for the owners, who read it', reason, '')
    .option(
      '--above <number>',
      'of an order that stands: for one that a hub has refused as older',
      aboveNumber,
      0,
    )
    .option('--yes', 'ask nothing; of a serial that several cameras bear, none is taken')
    .option('--passphrase-file <file>', 'the signer’s, else it is asked for')
    .option('--second-passphrase-file <file>', 'the second signer’s')
    .option('--json', 'for programs')
    .action((keys: readonly string[], flags: Flags, command: Command) => {
      if (flags.countersign !== undefined && keys.length > 0)
        command.error('error: the cameras are in the file behind --countersign')
      if (flags.countersign === undefined && keys.length === 0 && flags.serial === undefined)
        command.error('error: keys or --serial are needed')
      if (flags.hub === undefined && (flags.out === undefined || flags.serial !== undefined))
        command.error('error: --hub is needed')
      return flags.countersign === undefined ? order(keys, flags) : countersign(flags.countersign, flags)
    })
}

async function order(keys: readonly string[], flags: Flags): Promise<void> {
  const signer = await unlock(flags.signer, 'The signer’s passphrase: ', flags.passphraseFile)
  const { blocked, reason, devices } = await confirmed(keys, signer, flags)
  const second =
    flags.second === undefined
      ? undefined
      : await unlock(flags.second, 'The second signer’s passphrase: ', flags.secondPassphraseFile)
  if (devices.length > ALONE_MAX && second === undefined && flags.out === undefined)
    throw new OwnlensError('block.second')
  const sign = (above: number) => signOrder({ devices, blocked, reason }, signer, new Date(), above)
  if (flags.out !== undefined) {
    const file = resolve(flags.out)
    const block = await sign(flags.above)
    await writeOrderFile(disk, file, block)
    return say(
      flags,
      { order: statementHash(block), file, devices, blocked, given: false },
      `The order is in ${file}. It is not given yet: another signer confirms and gives it with`,
      '  ownlens block --countersign FILE --signer … --hub …',
    )
  }
  const carry = async (block: string) =>
    give(block, second && (await signSecond(block, second)), signer, { devices, blocked, reason }, flags)
  await giveAbove(sign, carry, () => new Date(), flags.above)
}

async function countersign(file: string, flags: Flags): Promise<void> {
  const found = await readOrderFile(disk, resolve(file))
  show(flags, [
    ...describeOrder(found),
    `Signer ${found.signer.id} signed it at ${found.issuedAt.slice(0, 16).replace('T', ' ')} UTC.`,
  ])
  await mustConfirm(flags)
  const signer = await unlock(flags.signer, 'The second signer’s passphrase: ', flags.passphraseFile)
  await give(found.jws, await signSecond(found.jws, signer), signer, found, flags)
}

/** The keys that are meant: those that were named, and of each serial those that the person picks. */
async function confirmed(keys: readonly string[], signer: Signer, flags: Flags): Promise<Wish> {
  const wish = { blocked: !flags.lift, reason: flags.reason }
  const bearers = flags.serial === undefined ? [] : await bearersOf(flags.serial, hubOf(flags), signer)
  if (bearers.length > 0) show(flags, ['The serial is on:', ...describeBearers(bearers)])
  const named = (more: readonly { readonly deviceId: string }[]) => {
    const devices = [...new Set([...keys, ...more.map(({ deviceId }) => deviceId)])]
    if (devices.length > MAKER_BLOCK_DEVICES)
      throw new OwnlensError('statement.size', `${devices.length} cameras; ${MAKER_BLOCK_DEVICES} at most`)
    return { ...wish, devices }
  }
  if (!isAmbiguous(bearers)) {
    show(flags, describeOrder(named(bearers)))
    await mustConfirm(flags)
    return named(bearers)
  }
  const all = bearers.map(({ serial, deviceId }) => `${serial}: ${deviceId}`).join(', ')
  if (flags.yes) throw new OwnlensError('block.several', all)
  const picked = pick(bearers, await askLine('Which are meant? Their numbers, or `all`: '))
  if (picked === undefined) throw new OwnlensError('block.unconfirmed')
  return named(picked)
}

async function mustConfirm({ yes }: Flags): Promise<void> {
  if (!yes && !isYes(await askLine('Is that what you want? (y) ')))
    throw new OwnlensError('block.unconfirmed')
}

async function give(
  block: string,
  second: string | undefined,
  carrier: Signer,
  { devices, blocked }: Wish,
  flags: Flags,
): Promise<void> {
  await hubOf(flags).request(null, { action: 'maker-block', block, second: second ?? null }, carrier)
  const cameras = devices.length === 1 ? '1 camera' : `${devices.length} cameras`
  say(
    flags,
    { order: statementHash(block), devices, blocked, given: true, second: second !== undefined },
    blocked
      ? `${cameras} blocked: the hub has ended what they had open, and their owners are told.`
      : `The block of ${cameras} is lifted: they send again by themselves, and their owners are told.`,
  )
}

/** For the person alone: a program reads one line at the end. */
function show(flags: Flags, lines: readonly string[]): void {
  if (!flags.json) process.stdout.write(`${lines.join('\n')}\n`)
  else if (!flags.yes) process.stderr.write(`${lines.join('\n')}\n`)
}

async function unlock(folder: string, question: string, file: string | undefined): Promise<Signer> {
  const signers = new SignerFolder(disk, folder)
  // Who has the wrong folder is told so before a passphrase is asked for.
  if ((await signers.card()) === undefined) throw new OwnlensError('factory.signer', folder)
  return signers.unlock(await askPassphrase(question, file))
}

const hubOf = ({ hub = '' }: Flags): HubClient => new HubClient(readHubAddress(hub))

function ids(id: string, before: readonly string[]): readonly string[] {
  if (!ID_PATTERN.test(id)) throw new InvalidArgumentError('an id of 52 characters is wanted.')
  return [...before, id]
}

function serials(one: string, before: readonly string[] = []): readonly string[] {
  return [...before, serial(one)]
}

function aboveNumber(given: string): number {
  if (!/^\d{1,15}$/.test(given))
    throw new InvalidArgumentError('a number is wanted, as the refusal names it.')
  return Number(given)
}

function reason(given: string): string {
  if (!text(200).safeParse(given).success)
    throw new InvalidArgumentError('at most 200 characters on one line are wanted.')
  return given
}
