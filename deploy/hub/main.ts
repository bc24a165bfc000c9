import { networkInterfaces } from 'node:os'
import { resolve } from 'node:path'
import { Command, Option } from 'commander'
import { dataFolder } from '../../cli/data-folder.ts'
import { type LogLevel, makeLog } from '../../cli/log.ts'
import { shutdownSignal } from '../../cli/shutdown.ts'
import { wholeNumber } from '../../cli/whole-number.ts'
import { readWitnessPlace } from '../../log/ask-witness.ts'
import { OwnlensError } from '../../protocol/errors.ts'
import { type MakerRoot, readMakerRoot } from '../../protocol/maker-chain.ts'
import { disk, readText } from '../../storage/disk.ts'
import { lockFolder } from '../../storage/lock.ts'
import { type Hub, startHub } from './hub.ts'

interface Flags {
  readonly data?: string
  readonly host: string
  readonly name: readonly string[]
  readonly port: number
  readonly mqttPort: number
  readonly broker: 'aedes' | 'mosquitto'
  readonly storeGib: number
  readonly profile: 'home' | 'maker'
  readonly makerRoot?: string
  readonly witness: readonly string[]
  readonly keepDays: number
  readonly requestsPerMinute: number
  readonly newCode?: boolean
  readonly newCa?: boolean
  readonly retireOldCa?: boolean
  readonly json?: boolean
  readonly logLevel: LogLevel
}

const GIB = 1024 ** 3

/** `ownlens hub`. */
export function hubCommand(): Command {
  return new Command('hub')
    .description('Registrar, broker and clip store on one machine. It sees no picture.')
    .option('--data <folder>', 'where its keys, registrations and sealed clips are kept')
    .option('--host <address>', 'where to listen; 0.0.0.0 for the whole network', '127.0.0.1')
    .option(
      '--name <name...>',
      'how cameras and apps reach it: host name or address, the first is told to them',
      [],
    )
    .option('--port <port>', 'HTTPS', wholeNumber, 8443)
    .option('--mqtt-port <port>', 'MQTT over TLS', wholeNumber, 8883)
    .addOption(
      new Option('--broker <broker>', 'embedded, or Debian’s')
        .choices(['aedes', 'mosquitto'])
        .default('aedes'),
    )
    .option(
      '--store-gib <number>',
      'sealed clips kept for each household; over it its oldest ones give way',
      wholeNumber,
      32,
    )
    .option(
      '--keep-days <number>',
      'sealed clips are kept for so many days; 0: until the share is full',
      wholeNumber,
      30,
    )
    .addOption(
      new Option('--profile <profile>', 'maker: only cameras that a factory has registered are paired')
        .choices(['home', 'maker'])
        .default('home'),
    )
    .option('--maker-root <file>', 'the root.pem of `ownlens factory init`, for `--profile maker`')
    .option('--witness <place...>', 'who cosigns the log, as `ownlens log witness` printed it: URL#KEY', [])
    .option('--new-code', 'make a new registration code')
    .addOption(
      new Option('--new-ca', 'make a new CA; the old one counts beside it until it is retired').conflicts(
        'retireOldCa',
      ),
    )
    .option('--retire-old-ca', 'destroy the old CA: who has not moved to the new one finds the hub no more')
    .option('--json', 'print what a program needs, as one line')
    .option(
      '--requests-per-minute <number>',
      'answered for one address; more get `hub.busy`',
      wholeNumber,
      600,
    )
    .addOption(
      new Option('--log-level <level>').choices(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
    )
    .action(run)
}

async function run(flags: Flags): Promise<void> {
  const makerRoot = await makerRootOf(flags)
  const data = dataFolder('hub', flags.data)
  const unlock = lockFolder(data)
  const signal = shutdownSignal()
  const say = (text: string) => process.stdout.write(text)
  const hub = await startHub({
    data,
    disk,
    host: flags.host,
    port: flags.port,
    mqttPort: flags.mqttPort,
    broker: flags.broker,
    names: flags.name.length > 0 ? flags.name : namesOf(flags.host),
    ca: flags.newCa ? 'new' : flags.retireOldCa ? 'retire-old' : undefined,
    storeBytes: flags.storeGib * GIB,
    keepDays: flags.keepDays,
    requestsPerMinute: flags.requestsPerMinute,
    witnesses: flags.witness.map(readWitnessPlace),
    log: makeLog(flags.logLevel, 'hub'),
    ...(makerRoot && { makerRoot }),
    codeUsed: next => {
      say(
        flags.json
          ? `${JSON.stringify({ code: next })}\n`
          : `A household has registered. The code for the next one: ${next}\n`,
      )
    },
  })
  if (flags.newCode) await hub.registrar.newCode()
  const code = await hub.registrationCode()
  const { address, brokerUrl: broker } = hub
  say(
    flags.json
      ? `${JSON.stringify({ hub: address, code, broker })}\n`
      : greeting(hub, flags.host, data, code),
  )
  if (!signal.aborted) await new Promise(resolve => signal.addEventListener('abort', resolve, { once: true }))
  await hub.close()
  unlock()
}

function greeting(
  { url, address, brokerUrl, oldCaId }: Hub,
  host: string,
  data: string,
  code: string,
): string {
  const lines = [
    `The hub runs: ${url} for apps and pairing, ${brokerUrl} for cameras.`,
    `Its keys, registrations and sealed clips are in ${data}`,
    ...(host.startsWith('127.') || host === 'localhost' || host === '::1'
      ? ['Only this machine reaches it; `--host 0.0.0.0` opens it to your network.']
      : []),
    ...(oldCaId === undefined
      ? []
      : [
          '',
          `Its CA is a new one. Who knows it by ${oldCaId} finds it still.`,
          'When all have the address below: `ownlens hub --retire-old-ca`.',
        ]),
    '',
    'Make a household with:',
    '',
    `  ownlens home init --hub ${address} --code ${code}`,
    '',
    'The code lets one household in; the next one is shown here as soon as this one was used.',
    'Stop the hub with Ctrl-C.',
    '',
  ]
  return lines.join('\n')
}

/** The maker whose cameras alone are paired. Throws `station.root`. */
async function makerRootOf({ profile, makerRoot }: Flags): Promise<MakerRoot | undefined> {
  if (profile === 'home' && makerRoot === undefined) return undefined
  if (profile === 'home') throw new OwnlensError('station.root', '--maker-root is for --profile maker')
  if (makerRoot === undefined) throw new OwnlensError('station.root', 'none is given')
  const pem = await readText(disk, resolve(makerRoot))
  if (pem === undefined) throw new OwnlensError('station.root', `there is no file ${makerRoot}`)
  return readMakerRoot(pem, new Date())
}

/** A hub that listens everywhere is reached by the machine's own addresses. */
function namesOf(host: string): readonly string[] {
  if (host !== '0.0.0.0' && host !== '::') return [host]
  const addresses = Object.values(networkInterfaces()).flatMap(found => found ?? [])
  const outside = addresses.filter(({ internal, family }) => !internal && family === 'IPv4')
  return [...outside.map(({ address }) => address), '127.0.0.1']
}
