import { once } from 'node:events'
import { join } from 'node:path'
import { Command } from 'commander'
import { dataFolder } from '../cli/data-folder.ts'
import { makeLog } from '../cli/log.ts'
import { say } from '../cli/say.ts'
import { shutdownSignal } from '../cli/shutdown.ts'
import { wholeNumber } from '../cli/whole-number.ts'
import { OwnlensError } from '../protocol/errors.ts'
import { publicKeyOf } from '../protocol/keys.ts'
import { disk } from '../storage/disk.ts'
import { lockFolder } from '../storage/lock.ts'
import { readNoteKey, writeNoteKey } from './note.ts'
import { openSigningKey } from './signing-key.ts'
import { Witness } from './witness.ts'
import { serveWitness } from './witness-server.ts'

interface Flags {
  readonly data?: string
  readonly log: readonly string[]
  readonly name?: string
  readonly host: string
  readonly port: number
  readonly json?: boolean
}

/** `ownlens log witness`. */
export function witnessCommand(): Command {
  return new Command('witness')
    .description('cosign heads of logs that only grow, so that none can tell two stories (C2SP tlog-witness)')
    .requiredOption('--log <key...>', 'verifier keys of the logs: name+id+base64')
    .option('--data <folder>', 'where its key and the newest heads are kept: back them up, or it forgets')
    .option('--name <name>', 'its own name; it is part of its verifier key')
    .option('--host <address>', 'where to listen', '127.0.0.1')
    .option('--port <port>', 'HTTP; put a proxy before it for TLS', wholeNumber, 8480)
    .option('--json', 'print what a program needs, as one line')
    .action(run)
}

async function run(flags: Flags): Promise<void> {
  const data = dataFolder('witness', flags.data)
  const logs = flags.log.map(readNoteKey)
  const isUsable = logs.every(({ kind }) => kind === 'signature')
  if (!isUsable || new Set(logs.map(({ name }) => name)).size < logs.length)
    throw new OwnlensError('log.key', 'one signing key for each log')
  const unlock = lockFolder(data)
  const signal = shutdownSignal()
  const key = await openSigningKey(disk, join(data, 'witness.key'))
  const name = flags.name ?? `ownlens-witness-${publicKeyOf(key).id.slice(0, 26)}`
  const verifierKey = writeNoteKey(name, 'cosignature', key)
  readNoteKey(verifierKey)
  const witness = await Witness.open({ disk, data, name, key, logs, now: () => new Date() })
  const { host } = flags
  const options = { host, port: flags.port, log: makeLog('info', 'witness') }
  const server = await serveWitness(witness, options).catch(cause => {
    throw new OwnlensError('log.port', `${host}:${flags.port}`, { cause })
  })
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${server.port}`
  if (flags.json) say(JSON.stringify({ url, verifierKey }))
  else say(`Witness at ${url}\nWhoever asks it, or trusts it, needs ${url}#${verifierKey}`)
  if (!signal.aborted) await once(signal, 'abort')
  await server.close()
  unlock()
}
