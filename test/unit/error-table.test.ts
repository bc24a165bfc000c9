import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { errorTable, OwnlensError } from '../../protocol/errors.ts'
import { ROOT } from '../support/places.ts'

/** PROTOCOL 8 is written by `OWNLENS_WRITE=1 npx vitest run dist/test/unit/error-table.test.js`. */
const PAGE = join(ROOT, 'PROTOCOL.md')
const PLACE = /(<!-- errors -->\n)[\s\S]*(<!-- end -->)/

test('PROTOCOL.md lists every error code, what it says and what to do', async () => {
  const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ')
  const rows = Object.entries(errorTable).map(
    ([code, { says, todo, retry }]) =>
      `| \`${code}\` | ${cell(says)} | ${cell(todo)} | ${retry ? 'yes' : ''} |`,
  )
  const table = [
    '',
    '| Code | Says | What to do | Retry |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
    '',
  ].join('\n')
  const page = await readFile(PAGE, 'utf8')
  expect(page).toMatch(PLACE)
  const wanted = page.replace(PLACE, (_, start, end) => `${start}${table}${end}`)
  if (process.env.OWNLENS_WRITE === '1') await writeFile(PAGE, wanted)
  else expect(squeezed(page)).toBe(squeezed(wanted))
})

test('every error says something and tells what to do', () => {
  for (const [code, { says, todo }] of Object.entries(errorTable)) {
    expect(code).toMatch(/^[a-z0-9]+\.[a-z0-9_]+$/)
    for (const text of [says, todo]) expect(text).toMatch(/^\S.{8,}\S$/s)
  }
})

/** Tables are aligned by the formatter. */
function squeezed(text: string): string {
  return text.replace(/-{3,}/g, '---').replace(/ +/g, ' ')
}

test('what an error quotes of others gives a terminal no orders', () => {
  const quoted = z.strictObject({}).safeParse(JSON.parse('{"\\u001b]0;owned\\u0007\\u202e\\n":1}')).error
    ?.issues[0]
  expect(quoted?.message).toContain('\u001b')
  const error = new OwnlensError('hub.answer', quoted?.message)
  expect(error.message).toContain('owned')
  expect(error.message + error.detail).not.toMatch(/[\p{Cc}\u202a-\u202e]/u)
})
