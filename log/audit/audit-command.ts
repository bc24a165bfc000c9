import { resolve } from 'node:path'
import { Command } from 'commander'
import { say } from '../../cli/say.ts'
import { OwnlensError } from '../../protocol/errors.ts'
import { type MakerRoot, readMakerRoot } from '../../protocol/maker-chain.ts'
import { disk, readText } from '../../storage/disk.ts'
import { readNoteKey } from '../note.ts'
import { openFolder } from '../open-head.ts'
import { type Audited, auditLog } from './audit.ts'
import { FINDINGS, type Finding } from './finding.ts'

interface Flags {
  readonly key: string
  readonly records?: string
  readonly makerRoot?: string
  readonly json?: boolean
}

/** So many that are not certain are printed; `--json` has all. */
const UNCERTAIN_MAX = 20

/** `ownlens log audit`. */
export function auditCommand(): Command {
  return new Command('audit')
    .description(
      'check a log as `verify` does, every opened record in it, and search the whole fleet for one serial with several keys, ' +
        'one key on several boards, one epoch of several households, and orders of nobody entitled. Exit 1 when something is found',
    )
    .argument('<folder>', 'with `checkpoint` and `tile/` (C2SP tlog-tiles)')
    .requiredOption('--key <key>', 'the log’s verifier key: name+id+base64')
    .option('--records <file>', 'opened records; what is not in it is closed')
    .option(
      '--maker-root <file>',
      'root.pem of the maker: without it nobody knows whose certificates are whose',
    )
    .option('--json', 'for programs')
    .action(audit)
}

async function audit(folder: string, flags: Flags): Promise<void> {
  const { at, head } = await openFolder(folder, readNoteKey(flags.key))
  const makerRoot = flags.makerRoot === undefined ? undefined : await readRoot(resolve(flags.makerRoot))
  const records = flags.records && resolve(flags.records)
  const audited = await auditLog(disk, at, head, { records, makerRoot })
  const { origin, size } = head
  const root = Buffer.from(head.root).toString('base64')
  if (flags.json) say(JSON.stringify({ origin, size, root, ...audited }))
  else tell({ origin, size, named: makerRoot !== undefined }, audited)
  if (audited.findings.some(({ certain }) => certain)) process.exitCode = 1
}

async function readRoot(path: string): Promise<MakerRoot> {
  const pem = await readText(disk, path)
  if (pem === undefined) throw new OwnlensError('station.root', path)
  return readMakerRoot(pem, new Date())
}

function tell(
  { origin, size, named }: { origin: string; size: number; named: boolean },
  { opened, closed, kinds, findings, unjudged, makerRoot }: Audited,
): void {
  say(`${origin}: ${size} entries, all under a head that the log’s key has signed.`)
  const each = Object.entries(kinds).map(([kind, number]) => `${number} ${kind}`)
  say(`${opened} were opened and judged${each.length === 0 ? '' : ` (${each.join(', ')})`}.`)
  if (closed > 0)
    say(
      `${closed} are closed: erased, or withheld. What they say nobody can find out here, this audit neither.`,
    )
  if (makerRoot !== null && !named)
    say(`The maker’s root was not named (--maker-root): ${makerRoot} was taken for it.`)
  if (unjudged > 0) say(`${unjudged} records need the maker’s root to be judged (--maker-root).`)
  const certain = findings.filter(finding => finding.certain)
  const open = findings.filter(finding => !finding.certain)
  say(certain.length === 0 ? 'Nothing was found.' : `Found: ${certain.length}.`)
  for (const finding of certain) tellOne(finding)
  if (open.length === 0) return
  say(`Not known, since what is closed could explain it: ${open.length}.`)
  for (const finding of open.slice(0, UNCERTAIN_MAX)) tellOne(finding)
}

function tellOne({ kind, says, positions, devices, serials, households, keys }: Finding): void {
  say(`- ${FINDINGS[kind]}: ${says}`)
  const list = (name: string, of: readonly (string | number)[]) =>
    of.length > 0 && say(`    ${name}: ${of.join(', ')}`)
  list('entries', positions)
  list('serial', serials)
  list('devices', devices)
  list('households', households)
  list('keys', keys)
}
