import { join } from 'node:path'
import type { Command } from 'commander'
import { say } from '../cli/say.ts'
import { shutdownSignal } from '../cli/shutdown.ts'
import { wholeNumber } from '../cli/whole-number.ts'
import { openCheckpoint } from '../log/checkpoint.ts'
import { type KeptHead, KeptHeads, positionOf } from '../log/kept-heads.ts'
import { readNoteKey } from '../log/note.ts'
import { codeOf, type OwnlensError } from '../protocol/errors.ts'
import { askYes } from './ask.ts'
import { type Flags, withHousehold } from './command.ts'
import type { Household } from './household.ts'
import { followLog } from './hub-log.ts'

interface LogFlags extends Flags {
  readonly accept?: boolean
  readonly yes?: boolean
  readonly witness?: readonly string[]
  readonly witnesses?: number
}

/** `ownlens home log`. */
export function logCommands(add: (name: string, says: string) => Command): void {
  add(
    'log',
    'the hub’s log of everything that it does: how far this app has followed it, and whether it holds',
  )
    .option('--accept', 'begin anew with the log that the hub shows now, once it is explained')
    .option('--yes', 'do not ask')
    .option('--witness <key...>', 'verifier keys of witnesses that must cosign the log')
    .option('--witnesses <number>', 'how many of them; all, unless it is said', wholeNumber)
    .option('--json', 'for programs')
    .action(log)
}

async function log(flags: LogFlags): Promise<void> {
  await withHousehold(flags, async household => {
    if (flags.accept && !(await beginAnew(household, flags))) return
    if (flags.witness !== undefined) {
      const heads = await open(household)
      await heads.demand(flags.witness, flags.witnesses ?? flags.witness.length)
    }
    const { tls } = await household.enrol()
    const trouble = await followLog(household, tls)
    const heads = await open(household)
    if (trouble !== undefined || heads.refused !== null) process.exitCode = 1
    if (flags.json) return say(JSON.stringify(plain(household, heads, trouble)))
    for (const line of describe(household, heads)) say(line)
    const isTold = trouble === undefined || trouble.code === heads.refused?.code
    if (!isTold) say(`Not followed further: ${trouble.message} (${trouble.code}) ${trouble.todo}`)
  })
}

const open = ({ data }: Household): Promise<KeptHeads> => KeptHeads.open(data.disk, data.folder)

/** The person is told what is given up. False when they do not want that. */
async function beginAnew(household: Household, { yes = false }: LogFlags): Promise<boolean> {
  const { data, hub } = household
  const says = 'What the hub’s log said until now is not compared any more; the files log-evidence-… stay.'
  process.stderr.write(`${says}\n`)
  const question = 'Begin anew with the log that the hub shows now? [y/N] '
  if (!yes && !(await askYes(question, { signal: shutdownSignal() }))) return false
  const heads = await open(household).catch(error => {
    if (codeOf(error) !== 'log.kept') throw error
    return undefined
  })
  if (heads === undefined) await KeptHeads.forget(data.disk, data.folder)
  else await heads.accept(hub.address.caId)
  return true
}

function describe({ hub, data }: Household, heads: KeptHeads): readonly string[] {
  const held = heads.kept(hub.address.caId)
  if (held === undefined) return ['Nothing is known of this hub’s log yet.']
  const { origin, size, root } = openCheckpoint(held.checkpoint, readNoteKey(held.key))
  const { needed } = heads.witnesses
  const cosigners = heads.cosigners(held)
  return [
    `${origin}: ${size} entries.`,
    `  followed since ${minutes(held.since)} UTC, looked at last ${minutes(held.at)} UTC`,
    `  root  ${Buffer.from(root).toString('base64')}`,
    `  key   ${held.key}`,
    needed === 0
      ? '  no witnesses are asked for: `--witness` names them'
      : `  ${cosignedBy(held, cosigners)} (${needed} needed)`,
    ...(heads.refused === null
      ? ['Whatever was in it when this app looked before is in it still, in its place.']
      : [`REFUSED (${heads.refused.code}): see ${join(data.folder, heads.refused.evidence)}.`]),
  ]
}

function cosignedBy({ cosigned, key }: KeptHead, names: readonly string[]): string {
  if (cosigned === null) return 'cosigned by too few'
  const { size } = openCheckpoint(cosigned, readNoteKey(key))
  return `its first ${size} entries cosigned by ${names.join(', ')}`
}

function plain({ hub, data }: Household, heads: KeptHeads, trouble: OwnlensError | undefined): object {
  const held = heads.kept(hub.address.caId)
  const head = held && positionOf(openCheckpoint(held.checkpoint, readNoteKey(held.key)))
  const { refused } = heads
  return {
    ...{ key: held?.key ?? null, size: head?.size ?? null, root: head?.root ?? null },
    ...{ since: held?.since ?? null, at: held?.at ?? null, cosigned: held ? heads.cosigners(held) : [] },
    refused: refused && { ...refused, evidence: join(data.folder, refused.evidence) },
    trouble: trouble && { code: trouble.code, message: trouble.message },
  }
}

const minutes = (time: string): string => time.slice(0, 16).replace('T', ' ')
