import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fileKeyStore } from '../../hardware/key-store.ts'
import { disk } from '../../storage/disk.ts'
import { lockFolder } from '../../storage/lock.ts'
import { ROOT, temporaryFolder } from '../support/places.ts'

let folder: string
let remove: () => Promise<void>

beforeEach(async () => {
  const made = await temporaryFolder()
  folder = made.path
  remove = made.remove
})

afterEach(() => remove())

const inFolder = (name: string) => join(folder, name)

test('the keys are made once, and the same ever after', async () => {
  const store = fileKeyStore(disk, folder)
  const [first, again] = await Promise.all([store.signer(), store.signer()])
  const ages = await store.ageIdentities()
  const later = fileKeyStore(disk, folder)
  expect(again.spki).toEqual(first.spki)
  expect((await later.signer()).spki).toEqual(first.spki)
  expect(await later.ageIdentities()).toEqual(ages)
  expect(ages.x25519).toMatch(/^AGE-SECRET-KEY-1/)
  expect(ages.hybrid).toMatch(/^AGE-SECRET-KEY-PQ-1/)
})

test('two folders have two keys', async () => {
  await disk.makeFolder(inFolder('a'))
  await disk.makeFolder(inFolder('b'))
  const keys = await Promise.all(['a', 'b'].map(name => fileKeyStore(disk, inFolder(name)).signer()))
  expect(keys[0]?.spki).not.toEqual(keys[1]?.spki)
})

test('only their owner may read them, and nothing else is left', async () => {
  const store = fileKeyStore(disk, folder)
  await store.signer()
  await store.ageIdentities()
  const files = (await readdir(folder)).sort()
  expect(files).toEqual(['board.json', 'device-age.json', 'device-key.pem'])
  for (const file of files) expect((await stat(inFolder(file))).mode & 0o777).toBe(0o600)
})

test.each([
  ['device-key.pem', '', 'signer'],
  ['device-key.pem', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n', 'signer'],
  ['device-age.json', '', 'ageIdentities'],
  ['device-age.json', '{"x25519":"AGE-SECRET-KEY-1AAAA"}', 'ageIdentities'],
  ['device-age.json', '{"x25519":"AGE-SECRET-KEY-1AAAA","hybrid":"AGE-SECRET-KEY-PQ-1"}', 'ageIdentities'],
  [
    'device-age.json',
    '{"x25519":"AGE-SECRET-KEY-1AAAA","hybrid":"AGE-SECRET-KEY-PQ-1AAAA"}',
    'ageIdentities',
  ],
] as const)('a damaged %s (%j) is an error and stays as it is', async (file, text, what) => {
  await writeFile(inFolder(file), text)
  for (const _ of [1, 2])
    await expect(fileKeyStore(disk, folder)[what]()).rejects.toMatchObject({ code: 'keystore.damaged' })
  expect(await readFile(inFolder(file), 'utf8')).toBe(text)
})

test('half a key is damaged too', async () => {
  await fileKeyStore(disk, folder).signer()
  const whole = await readFile(inFolder('device-key.pem'), 'utf8')
  await writeFile(inFolder('device-key.pem'), whole.slice(0, whole.length / 2))
  await expect(fileKeyStore(disk, folder).signer()).rejects.toMatchObject({ code: 'keystore.damaged' })
})

test('a key that may not be read is locked', async () => {
  // A folder in its place cannot be read, by nobody.
  await disk.makeFolder(inFolder('device-key.pem'))
  await expect(fileKeyStore(disk, folder).signer()).rejects.toMatchObject({ code: 'keystore.locked' })
})

test('a data folder has one holder at a time', () => {
  const unlock = lockFolder(folder)
  expect(() => lockFolder(folder)).toThrow(expect.objectContaining({ code: 'data.in_use' }))
  unlock()
  lockFolder(folder)()
})

test('a holder that was killed holds nothing', async () => {
  const holder = spawn(process.execPath, [join(ROOT, 'dist/test/support/hardware-hold-lock.js'), folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(holder.stdout, 'data')
  expect(() => lockFolder(folder)).toThrow(expect.objectContaining({ code: 'data.in_use' }))
  holder.kill('SIGKILL')
  await once(holder, 'exit')
  lockFolder(folder)()
})
