import { createPrivateKey } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Hub, Story } from '../deploy/hub/hub.ts'
import { Log } from '../log/writer.ts'
import { disk } from '../storage/disk.ts'

/** A log that a lying hub shows to some: it begins as the true one, goes on otherwise, and bears the same key's signature. */
export interface SecondStory extends Story {
  readonly log: Log
  /** It goes on: with what happened, or with what did not. */
  tell(entries: readonly string[]): Promise<void>
}

/**
 * @param data the hub's folder: who lies with a log has its key.
 * @param folder where the second story is kept.
 */
export async function secondStory(hub: Hub, data: string, folder: string): Promise<SecondStory> {
  const name = hub.log.checkpoint.slice(0, hub.log.checkpoint.indexOf('\n'))
  const key = createPrivateKey(await readFile(join(data, 'log.key'), 'utf8'))
  const log = await Log.open({ disk, folder, name, key })
  const { size } = hub.log.log
  const beginning = Array.from({ length: size }, (_, index) => hub.log.log.entry(index))
  await log.append(await Promise.all(beginning))
  const proof = async (from: number, to: number) =>
    (await log.consistency(from, to)).map(hash => Buffer.from(hash).toString('base64'))
  return {
    log,
    async head(since) {
      const told = await hub.log.head(0)
      const consistency = await proof(Math.min(since, log.size), log.size)
      return { ...told, checkpoint: log.checkpoint, consistency }
    },
    consistency: proof,
    tell: entries => log.append(entries.map(entry => Buffer.from(entry))),
  }
}
