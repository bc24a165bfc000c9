import { generateKeyPairSync } from 'node:crypto'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { askWitness, readWitnessPlace, type WitnessPlace } from '../../log/ask-witness.ts'
import { openCheckpoint } from '../../log/checkpoint.ts'
import { readNoteKey, signNote, writeNoteKey } from '../../log/note.ts'
import { Log } from '../../log/writer.ts'
import { disk } from '../../storage/disk.ts'
import { type Running, runCommand, startCommand } from '../support/command.ts'
import { temporaryFolder } from '../support/places.ts'

const NAME = 'example.com/log'
const key = generateKeyPairSync('ed25519').privateKey
const stranger = generateKeyPairSync('ed25519').privateKey
const verifierKey = writeNoteKey(NAME, 'signature', key)
const code = (wanted: string) => expect.objectContaining({ code: wanted })
const entries = (story: string, from: number, to: number) =>
  Array.from({ length: to - from }, (_, at) =>
    Buffer.from(from + at < 5 ? `${from + at}` : `${story} ${from + at}`),
  )

let path: string
let remove: () => Promise<void>
let running: Running
let place: WitnessPlace
let log: Log
let other: Log

async function start(): Promise<void> {
  const flags = ['--data', join(path, 'witness'), '--port', '0', '--log', verifierKey]
  running = startCommand(['log', 'witness', ...flags])
  const [, told = ''] = await running.says(/trusts it, needs (\S+)\n/)
  place = readWitnessPlace(told)
}

beforeAll(async () => {
  ;({ path, remove } = await temporaryFolder())
  await start()
  log = await Log.open({ disk, folder: join(path, 'log'), name: NAME, key })
  await log.append(entries('a', 0, 8))
  other = await Log.open({ disk, folder: join(path, 'other'), name: NAME, key })
  await other.append(entries('b', 0, 9))
})
afterAll(async () => {
  await running.kill('SIGTERM')
  await remove()
})

const ask = (of: Log, known?: number, at = place) =>
  askWitness(
    at,
    { note: of.checkpoint, consistency: old => of.consistency(old) },
    { ...(known === undefined ? {} : { known }), signal: AbortSignal.timeout(20_000) },
  )
const post = async (body: string) => {
  const response = await fetch(`${place.url}/add-checkpoint`, { method: 'POST', body })
  return { status: response.status, type: response.headers.get('content-type'), body: await response.text() }
}
const textOf = (note: string) => note.slice(0, note.indexOf('\n\n') + 1)

test('a head is cosigned, and again as it grows; what it cosigned outlives its restart', async () => {
  const lines = await ask(log)
  expect(await log.cosigned(textOf(log.checkpoint), lines)).toBe(true)
  const head = openCheckpoint(log.checkpoint, readNoteKey(verifierKey), [place.key])
  expect(head.witnesses).toEqual([place.key.name])
  const verify = ['log', 'verify', join(path, 'log'), '--key', verifierKey, '--witnesses', '1']
  const { url } = place
  const vkey = (await running.says(/#(\S+)\n/))[1] ?? ''
  expect((await runCommand([...verify, '--witness', vkey])).code).toBe(0)

  await running.kill()
  await start()
  expect(place.key.keyId).toEqual(readNoteKey(vkey).keyId)
  expect(place.url).not.toBe(url)
  await log.append(entries('a', 8, 300))
  expect(await ask(log, 8)).toMatch(/^— \S+ \S+\n$/)
  // A lost answer: the same head once more.
  expect(await ask(log, 300)).toMatch(/^— \S+ \S+\n$/)
})

test('another story is refused, whatever its length, and kept as evidence', async () => {
  await expect(ask(other)).rejects.toThrow(code('log.back'))
  await other.append(entries('b', 9, 300))
  await expect(ask(other)).rejects.toThrow(code('log.split'))
  await other.append(entries('b', 300, 301))
  await expect(ask(other)).rejects.toThrow(code('log.split'))
  const folder = join(path, 'witness', 'evidence')
  const kept = await Promise.all((await readdir(folder)).map(name => readFile(join(folder, name), 'utf8')))
  expect(kept.some(text => text.endsWith(other.checkpoint))).toBe(true)
  // Its own story goes on.
  await log.append(entries('a', 300, 310))
  await ask(log)
})

test('answers are those of C2SP tlog-witness', async () => {
  const note = log.checkpoint
  const size = log.size
  const text = textOf(note)
  const foreign = text.replace(NAME, 'example.com/other')
  expect(await post(`old 0\n\n${note}`)).toEqual({
    ...{ status: 409, type: 'text/x.tlog.size', body: `${size}\n` },
  })
  expect(await post(`old ${size}\n\n${text}\n${signNote(text, NAME, stranger)}`)).toMatchObject({
    status: 403,
  })
  expect(await post(`old ${size}\n\n${text}\n${signNote(text, 'else', stranger)}`)).toMatchObject({
    status: 403,
  })
  expect(await post(`old 0\n\n${foreign}\n${signNote(foreign, 'example.com/other', key)}`)).toMatchObject({
    status: 404,
  })
  expect(await post(`old ${size + 1}\n\n${note}`)).toMatchObject({ status: 400 })
  const proof = Buffer.alloc(32, 7).toString('base64')
  // No proof belongs to a head that has not grown.
  expect(await post(`old ${size}\n${proof}\n\n${note}`)).toMatchObject({ status: 422 })
  for (const wrong of [
    '',
    note,
    `old\n\n${note}`,
    `old 01\n\n${note}`,
    `old -1\n\n${note}`,
    `old 1e1\n\n${note}`,
    `old ${size}\nAAAA\n\n${note}`,
    `old ${size}\n${`${proof}\n`.repeat(64)}\n${note}`,
    `old ${size}\n\n${note.replace('— ', '- ')}`,
    `old ${size}\n\n${text.replace(String(size), 'many')}\n${signNote(text, NAME, key)}`,
    `old ${size}\n${note}`,
  ])
    expect(await post(wrong)).toMatchObject({ status: 400 })
  expect(await post('x'.repeat(80_000))).toMatchObject({ status: 413 })
  expect((await fetch(place.url)).status).toBe(404)
})

test('cosignatures of other keys, or of other heads, are none', async () => {
  const impostor = readWitnessPlace(`${place.url}#${writeNoteKey(place.key.name, 'cosignature', stranger)}`)
  await expect(ask(log, log.size, impostor)).rejects.toThrow(code('log.witness_refused'))
})

test('a witness that is gone, or talks nonsense, holds nobody up', async () => {
  const answers = ['500', '409 many', '409 ', '302', '200', '200 endless']
  const server = createServer((_, response) => {
    const [status = '', body = ''] = (answers[0] ?? '').split(' ')
    response.writeHead(Number(status), { location: place.url })
    response.end(body === 'endless' ? 'x'.repeat(1 << 20) : body)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const wrong = { url, key: place.key }
  const codes: string[] = []
  for (; answers.length > 0; answers.shift())
    codes.push(await ask(log, 0, wrong).then(String, error => String((error as { code: string }).code)))
  const [gone, refused] = ['log.witness_gone', 'log.witness_refused']
  expect(codes).toEqual([gone, refused, refused, gone, refused, gone])
  await new Promise(resolve => server.close(resolve))
  await expect(ask(log, 0, wrong)).rejects.toThrow(code(gone))
})

test('a witness whose newest head was damaged does not start: it would cosign anything', async () => {
  await running.kill('SIGTERM')
  const [name = ''] = await readdir(join(path, 'witness', 'heads'))
  const head = join(path, 'witness', 'heads', name)
  const kept = await readFile(head, 'utf8')
  await writeFile(head, kept.replace(/\n\d+\n/, '\n1\n'))
  const flags = ['--data', join(path, 'witness'), '--port', '0', '--log', verifierKey]
  const { code: exit, output } = await runCommand(['log', 'witness', ...flags])
  expect(exit).toBe(1)
  expect(output).toContain('log.note')
  await writeFile(head, kept)
  await start()
})

test.each(['http://127.0.0.1:1', 'ftp://127.0.0.1/#KEY', '#KEY', `http://127.0.0.1:1#${verifierKey}`])(
  'what is no place of a witness is refused: %s',
  text => {
    const vkey = writeNoteKey('w.example/1', 'cosignature', key)
    expect(() => readWitnessPlace(text.replace('KEY', vkey))).toThrow(code('log.key'))
  },
)
