import type { Db, Tables } from './database.ts'
import { begin, type History } from './lines.ts'

/** What of a device's row its history is. */
type Columns = Pick<Tables['devices'], 'counter' | 'request' | 'boots' | 'held' | 'cloned'>

/** Row to history. */
export function readHistory({ counter, request, boots, held, cloned }: Columns): History {
  const state = cloned === 1 ? 'cloned' : held === 1 ? 'held' : 'good'
  return { counter, request, boots: JSON.parse(boots) as string[], state }
}

/** History to row. */
export function historyColumns({ counter, request, boots, state }: History): Columns {
  return {
    ...{ counter, request, boots: JSON.stringify(boots) },
    held: state === 'held' ? 1 : 0,
    cloned: state === 'cloned' ? 1 : 0,
  }
}

/** The device's next request begins a line of its own; not for a clone. */
export async function beginLine(db: Db, deviceId: string): Promise<void> {
  const row = await db
    .selectFrom('devices')
    .select(['counter', 'request', 'boots', 'held', 'cloned'])
    .where('device_id', '=', deviceId)
    .executeTakeFirst()
  if (row === undefined) return
  const columns = historyColumns(begin(readHistory(row)))
  await db.updateTable('devices').set(columns).where('device_id', '=', deviceId).execute()
}
