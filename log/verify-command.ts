import { resolve } from 'node:path'
import { Command } from 'commander'
import { say } from '../cli/say.ts'
import { wholeNumber } from '../cli/whole-number.ts'
import { OwnlensError } from '../protocol/errors.ts'
import { disk } from '../storage/disk.ts'
import { openCheckpoint } from './checkpoint.ts'
import { readNoteKey } from './note.ts'
import { openFolder, readNote } from './open-head.ts'
import { OpenedRecords } from './opened.ts'
import { verifyLog } from './verify.ts'

interface Flags {
  readonly key: string
  readonly since?: string
  readonly records?: string
  readonly witness: readonly string[]
  readonly witnesses: number
  readonly json?: boolean
}

/** `ownlens log verify`. */
export function verifyCommand(): Command {
  return new Command('verify')
    .description('check a log’s folder from its entries up, offline: public keys are all it needs')
    .argument('<folder>', 'with `checkpoint` and `tile/` (C2SP tlog-tiles)')
    .requiredOption('--key <key>', 'the log’s verifier key: name+id+base64')
    .option('--since <file>', 'a checkpoint of before: the log must have grown out of it')
    .option('--records <file>', 'opened records: each must be the one that was logged')
    .option('--witness <key...>', 'verifier keys of witnesses', [])
    .option('--witnesses <number>', 'how many of them must have cosigned', wholeNumber, 0)
    .option('--json', 'for programs')
    .action(verify)
}

async function verify(folder: string, flags: Flags): Promise<void> {
  const key = readNoteKey(flags.key)
  const { at, head } = await openFolder(folder, key, flags.witness.map(readNoteKey))
  const before =
    flags.since === undefined ? undefined : openCheckpoint(await readNote(resolve(flags.since)), key)
  if (head.witnesses.length < flags.witnesses)
    throw new OwnlensError('log.witness', `${head.witnesses.length} of ${flags.witnesses}`)
  const records = await OpenedRecords.open(flags.records && resolve(flags.records))
  const entry = async (position: number, bytes: Uint8Array) => void (await records.at(position, bytes))
  await verifyLog(disk, at, head, { before, entry })
  await records.end()
  const { origin, size, root } = head
  const { opened, closed } = records.counts
  const told = { origin, size, root: Buffer.from(root).toString('base64'), witnesses: head.witnesses }
  const looked = flags.records === undefined ? {} : { opened, closed }
  if (flags.json) return say(JSON.stringify({ ...told, since: before?.size ?? null, ...looked }))
  say(`${origin}: ${size} entries, root ${told.root}.`)
  say('Every entry is under this head, and the log’s key has signed it.')
  if (before !== undefined) say(`Its first ${before.size} entries are the ones of the earlier head.`)
  if (flags.records !== undefined)
    say(`${opened} records are the ones that were logged; ${closed} entries are closed: erased, or withheld.`)
  say(`Cosigned by ${head.witnesses.length === 0 ? 'no witness that was named' : head.witnesses.join(', ')}.`)
}
