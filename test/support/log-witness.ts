import { generateKeyPairSync } from 'node:crypto'
import { pino } from 'pino'
import { readWitnessPlace, type WitnessPlace } from '../../log/ask-witness.ts'
import { readNoteKey, writeNoteKey } from '../../log/note.ts'
import { Witness } from '../../log/witness.ts'
import { serveWitness } from '../../log/witness-server.ts'
import { disk } from '../../storage/disk.ts'

/** A witness of these logs, on a free port of this machine. */
export async function startWitness(
  name: string,
  data: string,
  logs: readonly string[],
): Promise<{ readonly place: WitnessPlace; readonly verifierKey: string; close(): Promise<void> }> {
  const { privateKey: key } = generateKeyPairSync('ed25519')
  const verifierKey = writeNoteKey(name, 'cosignature', key)
  await disk.makeFolder(data)
  const options = { disk, data, name, key, logs: logs.map(readNoteKey), now: () => new Date() }
  const witness = await Witness.open(options)
  const server = await serveWitness(witness, { host: '127.0.0.1', port: 0, log: pino({ level: 'silent' }) })
  const place = readWitnessPlace(`http://127.0.0.1:${server.port}#${verifierKey}`)
  return { place, verifierKey, close: () => server.close() }
}
