import { join } from 'node:path'
import { Ledger } from '../home/ledger.ts'
import { watchCameras } from '../home/watch.ts'
import { disk } from '../storage/disk.ts'
import { type BenchContext, percentile, type Row, row } from './row.ts'
import { startSide } from './side.ts'
import { video } from './sources.ts'

const ALERTS = 12

/** From face on camera to its thumbnail opened at home: 95th percentile over visits, milliseconds. */
export async function measureAlert(
  { folder, tell }: BenchContext,
  only: (name: string) => boolean,
): Promise<readonly Row[]> {
  if (!only('alert.p95')) return []
  tell(`alert.p95: ${ALERTS} visits`)
  const side = await startSide(folder)
  const enough = new AbortController()
  try {
    const agent = await side.start({ camera: await video(folder, 'visits.avi'), clip: { afterSeconds: 1 } })
    const times: number[] = []
    await watchCameras(
      side.household,
      await Ledger.open(disk, join(side.folder, 'home')),
      news => {
        if (news.kind !== 'alert' || news.message.thumbnail === null) return
        times.push(Date.now() - Date.parse(news.message.at))
        if (times.length === ALERTS) enough.abort()
      },
      { signal: AbortSignal.any([enough.signal, AbortSignal.timeout(ALERTS * 30_000)]) },
    )
    await side.stop(agent)
    if (times.length < ALERTS) throw new Error(`only ${times.length} alerts came`)
    return [row('alert.p95', 'ms', percentile(times, 0.95), { name: 'none', value: null }, 'lower')]
  } finally {
    await side.close()
  }
}
