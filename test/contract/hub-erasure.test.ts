import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openCheckpoint } from '../../log/checkpoint.ts'
import { readNoteKey } from '../../log/note.ts'
import { verifyLog } from '../../log/verify.ts'
import type { Signer } from '../../protocol/keys.ts'
import { disk } from '../../storage/disk.ts'
import { operatorOf } from '../../wire/operator.ts'
import { newClipId, openingPart } from '../support/broker-world.ts'
import { resetOf } from '../support/hub-people.ts'
import { newSigner } from '../support/people.ts'
import { codeFrom } from '../support/registrar-desk.ts'
import { type Camera, startTestHub, type TestHub } from '../support/test-hub.ts'

let world: TestHub
beforeEach(async () => {
  world = await startTestHub()
})
afterEach(() => world.close())

const data = () => join(world.folder, 'hub')

async function erase(householdId: string, by?: Signer) {
  const { hub, signer } = await operatorOf(disk, data())
  return hub.request(null, { action: 'erase', householdId }, by ?? signer)
}

/** Files of the hub's folder, whatever their form, that hold this text. */
async function filesWith(text: string): Promise<string[]> {
  const found: string[] = []
  for (const entry of await readdir(data(), { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (path.includes(text)) found.push(path)
    else if (entry.isFile() && (await readFile(path)).includes(text)) found.push(path)
  }
  return found
}

/** A home with all that a hub can have of one: camera, clip, block and lift, reset, release, mailbox, certificates. */
async function livedIn() {
  const home = await world.home()
  const [kept, left] = [await world.camera(home), await world.camera(home)]
  await kept.enrol()
  await world.hub.store.take(`${kept.topic}/clip/${newClipId()}/open`, openingPart())
  await world.member(home)
  const { client } = world
  for (const [number, blocked] of [
    [1, true],
    [2, false],
  ] as const) {
    const block = await home.block(number, [[kept.signer, 1]], { blocked })
    await client.request(home.id, { action: 'block', block }, home.root)
  }
  const reset = await resetOf(kept.signer, 1, home.id)
  await client.request(null, { action: 'reset', reset }, kept.signer)
  await client.request(home.id, { action: 'invite', mailbox: home.id }, home.root)
  await world.release(left)
  const claim = await home.claim(kept.signer, 1)
  return { home, kept, left, claim }
}

/** The log holds together. */
async function verified(): Promise<number> {
  const { log } = world.hub
  await log.flush()
  const head = openCheckpoint(log.checkpoint, readNoteKey(log.key))
  await verifyLog(disk, log.folder, head)
  return head.size
}

test('a household that is erased is in no file any more, and the log is as whole as before', async () => {
  const { home, kept } = await livedIn()
  const other = await world.home()
  const theirs: Camera = await world.camera(other)
  const before = await verified()
  const secrets = [home.id, home.root.id, home.founder.id, kept.topic]
  for (const secret of secrets.slice(0, 3)) expect(await filesWith(secret)).not.toEqual([])
  // Of what was set aside nobody can tell whose it was.
  await mkdir(join(data(), 'orders-damaged'))
  await writeFile(join(data(), 'orders-damaged', 'torn.json'), `{"kind":"block","${home.id}`)
  const erased = await erase(home.id)
  expect(erased).toMatchObject({ reports: 0, cameras: 1 })
  expect(erased.records).toBeGreaterThanOrEqual(9)
  for (const secret of secrets) expect(await filesWith(secret)).toEqual([])
  expect(await verified()).toBe(before)
  // The neighbours have lost nothing.
  expect(await filesWith(other.id)).not.toEqual([])
  await theirs.enrol()
})

test('its members and cameras are nobody, its cameras can be paired anew, and its epochs stay used up', async () => {
  const { home, kept, left } = await livedIn()
  await erase(home.id)
  expect(await codeFrom(world.member(home))).toBe('enrol.member')
  expect(await codeFrom(kept.enrol())).toBe('enrol.claim')
  const other = await world.home()
  for (const { signer } of [kept, left]) {
    expect(await world.hub.registrar.epochOf(signer.id)).toBe(2)
    const old = await other.claim(signer, 1, { registrarEpoch: 0 })
    expect(await codeFrom(world.client.request(other.id, { action: 'claim', claim: old }, other.root))).toBe(
      'claim.epoch',
    )
    const claim = await other.claim(signer, 3, { registrarEpoch: 2 })
    await world.client.request(other.id, { action: 'claim', claim }, other.root)
  }
})

test('only who runs the hub erases, and again does no harm', async () => {
  const { home } = await livedIn()
  expect(await codeFrom(erase(home.id, newSigner()))).toBe('hub.request')
  expect(await codeFrom(erase(home.id, home.root))).toBe('hub.request')
  await erase(home.id)
  expect(await erase(home.id)).toEqual({ records: 0, reports: 0, cameras: 0 })
})
