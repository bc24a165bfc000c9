import { resolve } from 'node:path'
import { Command } from 'commander'
import { Household } from '../agent/household.ts'
import { shownIdevid } from '../agent/identity/idevid.ts'
import { say } from '../cli/say.ts'
import { readDeviceKey } from '../hardware/key-store.ts'
import { readBoxCode } from '../protocol/box-code.ts'
import { OwnlensError } from '../protocol/errors.ts'
import { makePrivateKey, signerOf } from '../protocol/keys.ts'
import { readMakerRoot } from '../protocol/maker-chain.ts'
import { disk, readText } from '../storage/disk.ts'
import { readHubAddress } from '../wire/hub-address.ts'
import { type HubAddress, HubClient } from '../wire/hub-client.ts'
import type { KnownMaker } from './signers.ts'
import { describeVerdict, readVerdict } from './verdict.ts'

interface Flags {
  readonly hub?: string
  readonly makerRoot?: string
  readonly data?: string
  readonly json?: boolean
}

/** `ownlens check`. */
export function checkCommand(): Command {
  return new Command('check')
    .description(
      'Asks a hub whether a camera is blocked: by the code that lies in its box, or by the camera’s own key. Exit code 1 when it is, or when something else is wrong with it.',
    )
    .argument('[code]', 'the code from the box: OB1:…')
    .option('--data <folder>', 'the camera’s own data folder instead; it is only read')
    .option('--hub <address>', 'its maker’s hub, as it was printed: https://host:port#fingerprint')
    .option('--maker-root <file>', 'root.pem of the maker: its signers are held against it')
    .option('--json', 'for programs')
    .action((code: string | undefined, flags: Flags, command: Command) => {
      if ((code === undefined) === (flags.data === undefined))
        command.error('error: either the code of a box or --data is needed')
      if (code !== undefined && flags.hub === undefined) command.error('error: --hub is needed with a code')
      return check(code, flags)
    })
}

async function check(typed: string | undefined, { hub, data, json, makerRoot }: Flags): Promise<void> {
  const code = typed === undefined ? null : readBoxCode(typed)
  // Who has a code signs with a key for this one question.
  const signer = data === undefined ? signerOf(makePrivateKey()) : await readDeviceKey(disk, data)
  if (signer === undefined) throw new OwnlensError('check.key', data)
  const client = new HubClient(hub === undefined ? await homeHub(data ?? '', signer.id) : readHubAddress(hub))
  const answer = await client.request(null, { action: 'check', code }, signer)
  const hubKeyId = await client.hubKeyId(Buffer.from(answer.hub, 'base64'))
  const known: KnownMaker = {
    ...(makerRoot !== undefined && { rootId: await rootIn(resolve(makerRoot)) }),
    ...(data !== undefined && { idevid: await shownIdevid(disk, data, signer.id) }),
  }
  const verdict = await readVerdict(answer, hubKeyId, code === null ? signer.id : undefined, known)
  const { deviceId, at, blocked, disputed, cloned, log, order } = verdict
  if (blocked !== null || disputed || cloned) process.exitCode = 1
  const block = order && {
    ...{ position: order.position, reason: order.block.reason, issuedAt: order.block.issuedAt },
    signers: [order.block.signer.id, ...(order.block.second === null ? [] : [order.block.second.signer.id])],
    ...{ makerRoot: order.maker.rootId, makerKnown: order.maker.known, revokedSince: order.maker.revoked },
  }
  if (json)
    process.stdout.write(
      `${JSON.stringify({ deviceId, at, blocked, disputed, cloned, log, order: block })}\n`,
    )
  else say(describeVerdict(verdict).join('\n'))
}

/** Throws `station.root`. */
async function rootIn(path: string): Promise<string> {
  const pem = await readText(disk, path)
  if (pem === undefined) throw new OwnlensError('station.root', `there is no file ${path}`)
  return (await readMakerRoot(pem, new Date())).id
}

/** Where the camera itself finds its home. Throws `check.hub`, `household.damaged`. */
async function homeHub(data: string, deviceId: string): Promise<HubAddress> {
  const hub = (await Household.load(disk, data, deviceId))?.hubs[0]
  if (hub === undefined) throw new OwnlensError('check.hub')
  return hub
}
