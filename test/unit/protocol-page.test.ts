import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ROOT } from '../support/places.ts'
import { KINDS } from '../vectors/kinds.ts'

const page = await readFile(join(ROOT, 'PROTOCOL.md'), 'utf8')

test('PROTOCOL.md names every kind of statement with its limit', () => {
  const rows = [...page.matchAll(/^\| `(ownlens-[a-z-]+\/\d+)` +\| (\d+) KiB/gm)]
  const told = rows.map(([, typ, kib]) => [typ, Number(kib) * 1024])
  expect(told).toEqual(KINDS.map(({ typ, maxBytes }) => [typ, maxBytes]))
})

test('every section that code cites is there', async () => {
  const sections = new Set([...page.matchAll(/^#{2,3} (\d+(?:\.\d+)?)\b/gm)].map(([, number]) => number))
  let cited = 0
  for (const folder of ['protocol', 'agent', 'home', 'deploy', 'wire', 'hardware', 'test'])
    for (const file of await readdir(join(ROOT, folder), { recursive: true })) {
      if (!file.endsWith('.ts')) continue
      const code = await readFile(join(ROOT, folder, file), 'utf8')
      for (const [text, number] of code.matchAll(/\bPROTOCOL (\d+(?:\.\d+)?)\b/g)) {
        expect(sections.has(number), `${folder}/${file}: ${text}`).toBe(true)
        cited++
      }
    }
  expect(cited).toBeGreaterThan(30)
})
