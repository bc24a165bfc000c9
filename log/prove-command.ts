import { resolve } from 'node:path'
import { Command } from 'commander'
import { say } from '../cli/say.ts'
import { wholeNumber } from '../cli/whole-number.ts'
import { disk } from '../storage/disk.ts'
import { readNoteKey } from './note.ts'
import { openFolder, readNote } from './open-head.ts'
import { checkShownProof, proveEntry } from './shown-proof.ts'

/** `ownlens log prove`. */
export function proveCommand(): Command {
  return new Command('prove')
    .description('print the proof that one entry is in a log, to be shown to somebody who has no copy of it')
    .argument('<folder>', 'with `checkpoint` and `tile/` (C2SP tlog-tiles)')
    .argument('<index>', 'the entry’s position, from 0', wholeNumber)
    .requiredOption('--key <key>', 'the log’s verifier key: name+id+base64')
    .action(async (folder: string, position: number, flags: { key: string }) => {
      const { at, head, note } = await openFolder(folder, readNoteKey(flags.key))
      say(JSON.stringify(await proveEntry(disk, at, { head, note, position })))
    })
}

/** `ownlens log check-proof`. */
export function checkProofCommand(): Command {
  return new Command('check-proof')
    .description('check what `prove` printed, offline')
    .argument('<file>', 'the proof')
    .requiredOption('--key <key>', 'the log’s verifier key: name+id+base64')
    .option('--witness <key...>', 'verifier keys of witnesses', [])
    .option('--json', 'for programs')
    .action(async (file: string, flags: { key: string; witness: readonly string[]; json?: boolean }) => {
      const witnesses = flags.witness.map(readNoteKey)
      const shown = checkShownProof(await readNote(resolve(file)), readNoteKey(flags.key), witnesses)
      const { position, head } = shown
      const entry = Buffer.from(shown.entry).toString('utf8')
      const { origin, size } = head
      if (flags.json) return say(JSON.stringify({ origin, size, position, entry, witnesses: head.witnesses }))
      say(`Entry ${position} of ${size} in ${origin}, under a head that the log’s key has signed:`)
      say(entry)
      if (head.witnesses.length > 0) say(`Cosigned by ${head.witnesses.join(', ')}.`)
    })
}
