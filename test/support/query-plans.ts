import { sql } from 'kysely'
import type { Desk } from './registrar-desk.ts'

/** The queries since the last look that read through a table instead of an index, with their plans; and how many there were. */
export async function readsThrough(desk: Desk): Promise<{ scans: readonly string[]; queries: number }> {
  const asked = new Map(desk.queries.splice(0).map(query => [query.sql, query.parameters]))
  const scans: string[] = []
  for (const [text, parameters] of asked) {
    if (/^(begin|commit|rollback)/.test(text)) continue
    const values = parameters.map(value => sql.val(value))
    const pieces = text.split('?')
    const query = pieces.reduce(
      (all, piece, index) => sql`${all}${index > 0 ? values[index - 1] : sql``}${sql.raw(piece)}`,
      sql``,
    )
    const plan = await sql<{ detail: string }>`explain query plan ${query}`.execute(desk.database)
    for (const { detail } of plan.rows)
      if (/^SCAN|TEMP B-TREE/.test(detail) && !/CONSTANT ROW/.test(detail)) scans.push(`${text}: ${detail}`)
  }
  return { scans, queries: asked.size }
}
