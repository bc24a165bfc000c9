import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { commit, SALT_BYTES } from '../log/commitment.ts'
import { checkConsistency, checkInclusion, type Hash, leafHash } from '../log/merkle.ts'
import { Log } from '../log/writer.ts'
import { disk } from '../storage/disk.ts'
import { type BenchContext, percentile, type Row, row } from './row.ts'

const ENTRIES = 1_000_000
/** As many as a hub puts into one batch, at most. */
const BATCH_MAX = 256
const PROOFS = 2000
const SAMPLES = 10
const MB = 1e6

/**
 * A log of a million entries: how many a second are appended in batches of 1 to 256, each on the disk when its append returns,
 * and how long the slowest of a hundred proofs takes of an entry, and of growth. The memory is told while it grows.
 */
export async function measureLog(
  { folder, tell }: BenchContext,
  only: (name: string) => boolean,
): Promise<readonly Row[]> {
  if (!only('log.append') && !only('log.proof')) return []
  const key = generateKeyPairSync('ed25519').privateKey
  const options = { disk, folder: join(folder, 'log'), name: 'example.com/log', key }
  const log = await Log.open(options)
  const seen: { size: number; root: Hash }[] = []
  const from = performance.now()
  for (let width = 1; log.size < ENTRIES; width = (width * 7 + 3) % (BATCH_MAX + 1)) {
    await log.append(batch(log.size, Math.max(1, width)))
    const { size, root } = log
    seen.push({ size, root })
    if (Math.floor(size / (ENTRIES / SAMPLES)) > Math.floor((seen.at(-2)?.size ?? 0) / (ENTRIES / SAMPLES)))
      tell(`log.append: ${size} entries, ${Math.round(process.memoryUsage.rss() / MB)} MB resident`)
  }
  const seconds = (performance.now() - from) / 1000
  const opening = performance.now()
  const again = await Log.open(options)
  tell(`log.proof: opened in ${Math.round(performance.now() - opening)} ms`)
  const peer = { name: 'none', value: null }
  const times = await proofTimes(again, seen)
  tell(
    `log.proof: median ${percentile(times, 0.5).toFixed(2)} ms, slowest ${Math.max(...times).toFixed(2)} ms`,
  )
  return [
    row('log.append', 'entries a second', log.size / seconds, peer, 'higher'),
    row('log.proof', 'ms', percentile(times, 0.99), peer, 'lower'),
  ]
}

/** Entries as a hub makes them. */
function batch(from: number, count: number): readonly Uint8Array[] {
  const at = new Date().toISOString()
  const salt = randomBytes(SALT_BYTES)
  return Array.from({ length: count }, (_, index) =>
    Buffer.from(JSON.stringify({ v: 1, at, commitment: commit(salt, `${from + index}`) })),
  )
}

/** Milliseconds of proofs from all over the log, every one of which is checked. */
async function proofTimes(
  log: Log,
  seen: readonly { size: number; root: Hash }[],
): Promise<readonly number[]> {
  const times: number[] = []
  const { size, root } = log
  for (let count = 0; count < PROOFS; count++) {
    const chance = randomBytes(4).readUInt32BE() / 2 ** 32
    const index = Math.floor(chance * size)
    const before = seen[Math.floor(chance * seen.length)]
    const from = performance.now()
    const inclusion = await log.inclusion(index)
    const between = performance.now()
    const growth = before === undefined ? [] : await log.consistency(before.size)
    times.push(between - from, performance.now() - between)
    checkInclusion(leafHash(await log.entry(index)), index, { size, root }, inclusion)
    if (before !== undefined) checkConsistency(before, { size, root }, growth)
  }
  return times
}
