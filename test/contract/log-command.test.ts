import { generateKeyPairSync } from 'node:crypto'
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkpointText } from '../../log/checkpoint.ts'
import { leafHash } from '../../log/merkle.ts'
import { cosignNote, signNote, writeNoteKey } from '../../log/note.ts'
import { GrowingTree, TILE_WIDTH, type Tile, tilePath } from '../../log/tiles.ts'
import { runCommand } from '../support/command.ts'
import { newHome } from '../support/hub-people.ts'
import { newSigner } from '../support/people.ts'
import { temporaryFolder } from '../support/places.ts'
import { tellLog } from '../support/told-log.ts'

const NAME = 'example.com/log'
const WITNESS = 'w.example/1'
const signs = generateKeyPairSync('ed25519').privateKey
const cosigns = generateKeyPairSync('ed25519').privateKey
const key = writeNoteKey(NAME, 'signature', signs)
const witness = writeNoteKey(WITNESS, 'cosignature', cosigns)
const ENTRIES = Array.from({ length: 600 }, (_, index) => Buffer.from(`{"statement":${index}}`))

let folder: string
let remove: () => Promise<void>
let log: string

beforeAll(async () => {
  ;({ path: folder, remove } = await temporaryFolder())
  log = join(folder, 'log')
  await layLog(log, ENTRIES)
  await layLog(join(folder, 'before'), ENTRIES.slice(0, 300))
  await layLog(join(folder, 'split'), [
    ...ENTRIES.slice(0, 299),
    Buffer.from('another story'),
    ...ENTRIES.slice(300),
  ])
})
afterAll(() => remove())

async function lay(at: string, path: string, bytes: Uint8Array | string): Promise<void> {
  await mkdir(dirname(join(at, path)), { recursive: true })
  await writeFile(join(at, path), bytes)
}

/** A whole log as C2SP lays it out. */
async function layLog(at: string, entries: readonly Uint8Array[]): Promise<void> {
  const tree = new GrowingTree()
  const layTile = ({ level, index, hashes }: Tile) =>
    lay(at, tilePath(level, index, hashes.length), Buffer.concat(hashes))
  for (const entry of entries) for (const tile of tree.append(leafHash(entry))) await layTile(tile)
  for (const tile of tree.partial) await layTile(tile)
  for (let from = 0; from < entries.length; from += TILE_WIDTH) {
    const bundle = entries.slice(from, from + TILE_WIDTH)
    const framed = bundle.flatMap(entry => [Buffer.from([entry.length >> 8, entry.length & 255]), entry])
    await lay(at, tilePath('entries', from / TILE_WIDTH, bundle.length), Buffer.concat(framed))
  }
  const text = checkpointText({ origin: NAME, size: entries.length, root: tree.root })
  const lines = signNote(text, NAME, signs) + cosignNote(text, WITNESS, cosigns, 1_700_000_000)
  await lay(at, 'checkpoint', `${text}\n${lines}`)
}

const verify = (at: string, ...more: string[]) => runCommand(['log', 'verify', at, '--key', key, ...more])
const since = () => ['--since', join(folder, 'before', 'checkpoint')]

test('a log holds against its head, an earlier head, and its witness', async () => {
  const { code, output } = await verify(log, ...since(), '--witness', witness, '--witnesses', '1')
  expect(output).toContain(`${NAME}: 600 entries`)
  expect(output).toContain('Its first 300 entries are the ones of the earlier head.')
  expect(output).toContain(`Cosigned by ${WITNESS}.`)
  expect(code).toBe(0)
  const plain = JSON.parse((await verify(log, '--json')).output) as object
  expect(plain).toMatchObject({ origin: NAME, size: 600, witnesses: [], since: null })
})

test('a log that forgets, or tells two stories, is told as such', async () => {
  const back = await verify(join(folder, 'before'), '--since', join(log, 'checkpoint'))
  expect(back).toMatchObject({ code: 1 })
  expect(back.output).toContain('log.back')
  const split = await verify(join(folder, 'split'), ...since())
  expect(split).toMatchObject({ code: 1 })
  expect(split.output).toContain('log.split')
})

test('too few witnesses are too few', async () => {
  const { code, output } = await verify(log, '--witness', witness, '--witnesses', '2')
  expect(code).toBe(1)
  expect(output).toContain('log.witness')
})

test('what is no number of witnesses is an error of usage', async () => {
  const { code, output } = await verify(log, '--witnesses', 'two')
  expect(code).toBe(2)
  expect(output).toContain('a whole number is wanted')
})

test.each([
  ['an entry', tilePath('entries', 1, 256), 'log.tile'],
  ['an entry at the edge', tilePath('entries', 2, 88), 'log.tile'],
  ['a tile of hashes', tilePath(0, 0, 256), 'log.tile'],
  ['a tile higher up', tilePath(1, 0, 2), 'log.tile'],
  ['the head', 'checkpoint', 'log.note'],
])('%s that was changed is found', async (_what, path, code) => {
  const copy = join(folder, 'copy')
  await rm(copy, { recursive: true, force: true })
  await cp(log, copy, { recursive: true })
  const bytes = await readFile(join(copy, path))
  // Within the first hash, entry or line.
  bytes.writeUInt8(bytes.readUInt8(5) ^ 1, 5)
  await writeFile(join(copy, path), bytes)
  const changed = await verify(copy)
  expect(changed).toMatchObject({ code: 1 })
  expect(changed.output).toContain(code)
  await rm(join(copy, path))
  const gone = await verify(copy)
  expect(gone).toMatchObject({ code: 1 })
  expect(gone.output).toMatch(/log\.(tile|absent)/)
})

test('entries and tiles that fit each other, and not the head, are not its log', async () => {
  const copy = join(folder, 'other')
  await cp(join(folder, 'split'), copy, { recursive: true })
  await cp(join(log, 'checkpoint'), join(copy, 'checkpoint'))
  const { code, output } = await verify(copy)
  expect(code).toBe(1)
  expect(output).toContain('log.root')
})

describe('with records', () => {
  const home = newHome()
  const camera = newSigner()
  let told: string
  let logKey: string
  let records: string

  beforeAll(async () => {
    const one = await home
    const content = [
      { kind: 'household', roster: one.first, successions: [] },
      { kind: 'claim', claim: await one.claim(camera, 1) },
      { kind: 'release', release: await one.release(camera, 1) },
    ] as const
    told = join(folder, 'told')
    const laid = await tellLog(
      told,
      content.map((one, minute) => ({ minute, content: one })),
    )
    logKey = laid.log.verifierKey
    records = laid.records
  })

  const log = (command: string, ...more: string[]) => runCommand(['log', command, ...more, '--key', logKey])

  test('an audit says what was opened, what is closed, and that nothing was found', async () => {
    const whole = await log('audit', told, '--records', records)
    expect(whole.output).toContain('3 were opened and judged (1 claim, 1 household, 1 release).')
    expect(whole.output).toContain('Nothing was found.')
    expect(whole.code).toBe(0)
    const alone = await log('audit', told, '--json')
    expect(JSON.parse(alone.output)).toMatchObject({ size: 3, opened: 0, closed: 3, findings: [] })
    expect(alone.code).toBe(0)
    expect((await log('audit', told)).output).toContain('3 are closed: erased, or withheld.')
  })

  test('an audit that finds something ends with 1, and names it', async () => {
    const [one, other] = [await home, await newHome()]
    const content = [
      { kind: 'household', roster: one.first, successions: [] },
      { kind: 'household', roster: other.first, successions: [] },
      { kind: 'claim', claim: await one.claim(camera, 1) },
      { kind: 'claim', claim: await other.claim(camera, 1) },
    ] as const
    const at = join(folder, 'two-homes')
    const laid = await tellLog(
      at,
      content.map((one, minute) => ({ minute, content: one })),
    )
    const found = await runCommand([
      'log',
      'audit',
      at,
      '--key',
      laid.log.verifierKey,
      '--records',
      laid.records,
    ])
    expect(found.code).toBe(1)
    expect(found.output).toContain('one epoch, several households: epoch 1 was claimed by two')
    for (const name of ['entries: 2, 3', camera.id, one.id, other.id]) expect(found.output).toContain(name)
  })

  test('verify takes records that were logged, and no others', async () => {
    const { code, output } = await log('verify', told, '--records', records)
    expect(output).toContain('3 records are the ones that were logged; 0 entries are closed')
    expect(code).toBe(0)
    const changed = join(folder, 'changed.jsonl')
    await writeFile(changed, (await readFile(records, 'utf8')).replace('household', 'neighbour'))
    const refused = await log('verify', told, '--records', changed)
    expect(refused).toMatchObject({ code: 1 })
    expect(refused.output).toContain('log.record')
  })

  test('one entry is proven to who has nothing but the key', async () => {
    const { output } = await log('prove', told, '1')
    const proof = join(folder, 'proof.json')
    await writeFile(proof, output)
    const shown = await log('check-proof', proof)
    expect(shown.output).toContain('Entry 1 of 3 in example.com/log')
    expect(shown.code).toBe(0)
    const other = JSON.parse(output) as { position: number; entry: string }
    await writeFile(proof, JSON.stringify({ ...other, position: 2 }))
    expect((await log('check-proof', proof)).output).toContain('log.proof')
    await writeFile(proof, JSON.stringify({ ...other, entry: Buffer.from('{}').toString('base64') }))
    expect((await log('check-proof', proof)).output).toContain('log.proof')
    expect((await log('prove', told, '3')).output).toContain('log.proof')
  })
})
