import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { giveAbove } from '../../deploy/factory/block-order.ts'
import { isAmbiguous, pick } from '../../deploy/factory/chosen-keys.ts'
import { SignerFolder } from '../../deploy/factory/signer.ts'
import { OwnlensError } from '../../protocol/errors.ts'
import type { Signer } from '../../protocol/keys.ts'
import { disk } from '../../storage/disk.ts'
import { runCommand } from '../support/command.ts'
import { TestMaker, type TestStation } from '../support/maker.ts'
import { connectMqtt } from '../support/mqtt-client.ts'
import { newSigner } from '../support/people.ts'
import { codeFrom } from '../support/registrar-desk.ts'
import { anId } from '../support/stored-clips.ts'
import { startTestHub, type TestHub } from '../support/test-hub.ts'

const maker = await TestMaker.make()
let at: TestHub
let station: TestStation
const place = (...names: string[]) => join(at.folder, ...names)

beforeAll(async () => {
  at = await startTestHub({ makerRoot: maker.root })
  await writeFile(place('pass'), 'a long passphrase\n')
  station = await maker.station()
  const word = await maker.says('station', station.signer.id, 1)
  await at.client.request(null, { action: 'station', station: word }, maker.signer)
  for (const name of ['one', 'two', 'rogue']) {
    // A quick passphrase: what the command makes is seen in the factory's test.
    const folder = new SignerFolder(disk, place(name))
    const { keyId } = await folder.create({ name, passphrase: 'a long passphrase', workFactor: 8 })
    const signer = await maker.says('signer', keyId, 1)
    if (name !== 'rogue') await at.client.request(null, { action: 'signer', signer }, maker.signer)
  }
})
afterAll(() => at.close())

async function make(serial: string, board: Signer): Promise<Signer> {
  const registration = await station.registration(serial, board)
  const body = { action: 'register' as const, registration, chain: [...station.chain], offline: true }
  await at.client.request(null, body, station.signer)
  return board
}
interface Wishes {
  readonly input?: string
  readonly signer?: string
  readonly plain?: boolean
}
const block = (args: readonly string[], { input, signer = 'one', plain }: Wishes = {}) => {
  const who = ['--signer', place(signer), '--passphrase-file', place('pass'), ...(plain ? [] : ['--json'])]
  return runCommand(['block', ...args, ...who, '--hub', at.hub.address], {}, input)
}
const isBlocked = async (board: Signer) =>
  (await at.client.request(null, { action: 'device' }, board)).blocked
const answered = ({ output }: { output: string }) => JSON.parse(/\{"order".*\}/.exec(output)?.[0] ?? '{}')

test('a serial that two cameras bear is shown with both keys, and only the one that is picked is blocked', async () => {
  const [hall, shop] = [await make('T-1', newSigner()), newSigner()]
  const home = await at.home()
  const camera = await at.camera(home, { signer: hall })
  await make('T-1', shop)
  const { tls } = await camera.enrol()
  const session = await connectMqtt(at.hub.brokerUrl, tls)
  const ended = new Promise<void>(resolve => session.once('close', () => resolve()))

  const asked = ['--serial', 'T-1', '--reason', 'Two cameras bear it']
  const alone = await block([...asked, '--yes'])
  expect(alone).toMatchObject({ code: 1 })
  expect(alone.output).toContain('block.several')
  for (const { id } of [hall, shop]) expect(alone.output).toContain(id)
  expect((await block(asked, { input: '3\n' })).output).toContain('block.unconfirmed')
  expect([await isBlocked(hall), await isBlocked(shop)]).toEqual([false, false])

  const picked = await block(asked, { input: '1\n', plain: true })
  expect(picked).toMatchObject({ code: 0 })
  expect(picked.output).toContain(`1  T-1  ${hall.id}  paired in a home, its serial is in dispute`)
  expect(picked.output).toContain(`2  T-1  ${shop.id}  in no home, its serial is in dispute`)
  expect(picked.output).toContain('1 camera blocked')
  await ended
  expect([await isBlocked(hall), await isBlocked(shop)]).toEqual([true, false])
  const lifted = await block([hall.id, '--lift', '--yes'])
  expect(answered(lifted)).toMatchObject({ blocked: false, devices: [hall.id], given: true })
  expect(await isBlocked(hall)).toBe(false)
})

test('one camera is blocked once the person has seen its key and said yes', async () => {
  const board = await make('ONE-1', newSigner())
  const no = await block(['--serial', 'ONE-1'], { input: 'n\n', plain: true })
  expect(no).toMatchObject({ code: 1 })
  expect(no.output).toContain(`ONE-1  ${board.id}  in no home`)
  expect(no.output).toContain('block.unconfirmed')
  expect(await isBlocked(board)).toBe(false)
  expect(answered(await block(['--serial', 'ONE-1'], { input: 'y\n' })).devices).toEqual([board.id])
  expect(await isBlocked(board)).toBe(true)
  const nowhere = await block(['--serial', 'NONE', '--yes'])
  expect(nowhere.output).toContain('block.serial')
  const rogue = await block([board.id, '--lift', '--yes'], { signer: 'rogue' })
  expect(rogue.output).toContain('block.signer')
  expect(await isBlocked(board)).toBe(true)
})

test('where a number is ahead of the clock the order is signed again, one higher', async () => {
  const board = newSigner()
  const ahead = Date.now() + 20 * 3600_000
  const above = await block([board.id, '--yes', '--above', String(ahead)])
  expect(answered(above)).toMatchObject({ given: true })
  expect(await isBlocked(board)).toBe(true)
  const lifted = await block([board.id, '--lift', '--yes'], { signer: 'two' })
  expect(answered(lifted)).toMatchObject({ given: true, blocked: false })
  expect(await isBlocked(board)).toBe(false)
  // A file has its number: the refusal names the one that stands.
  const file = place('orders', 'ahead')
  await block([board.id, '--out', file, '--yes'])
  const old = await block(['--countersign', file, '--yes'], { signer: 'two' })
  expect(old.output).toContain('block.old')
  expect(old.output).toContain(String(ahead + 2))
  await block([board.id, '--out', file, '--yes', '--above', String(ahead + 2)])
  expect(answered(await block(['--countersign', file, '--yes'], { signer: 'two' }))).toMatchObject({
    given: true,
  })
  expect(await isBlocked(board)).toBe(true)
})

test('a hub that names a number which no hub would have taken gets no higher one', async () => {
  const signed: number[] = []
  const sign = async (above: number) => String(signed.push(above))
  const give = async () => {
    throw new OwnlensError('block.old', String(Number.MAX_SAFE_INTEGER - 1))
  }
  expect(await codeFrom(giveAbove(sign, give, () => new Date()))).toBe('block.old')
  expect(signed).toEqual([0])
})

test('more than ten wait for the second signer: on one machine, or by a file on another', async () => {
  const boards = Array.from({ length: 11 }, () => newSigner())
  const keys = boards.map(({ id }) => id)
  const single = await block([...keys, '--yes'])
  expect(single.output).toContain('block.second')
  expect(single.output).toContain('--countersign FILE')
  const file = place('orders', 'order')
  const written = await block([...keys, '--out', file, '--reason', 'Sold as scrap', '--yes'])
  expect(answered(written)).toMatchObject({ given: false, file })
  expect(await isBlocked(boards[3] as Signer)).toBe(false)
  const same = await block(['--countersign', file, '--yes'])
  expect(same.output).toContain('block.second')
  const unsure = await block(['--countersign', file], { signer: 'two', plain: true })
  expect(unsure.output).toContain('block.unconfirmed')
  for (const text of [...keys, 'Owners read the reason: “Sold as scrap”', 'blocks these 11 cameras'])
    expect(unsure.output).toContain(text)
  const given = await block(['--countersign', file, '--yes'], { signer: 'two' })
  expect(answered(given)).toMatchObject({ order: answered(written).order, given: true, second: true })
  expect(await isBlocked(boards[10] as Signer)).toBe(true)
  await writeFile(file, (await readFile(file, 'utf8')).replace(/.{8}$/m, 'AAAAAAAA'))
  expect((await block(['--countersign', file, '--yes'], { signer: 'two' })).output).toContain('block.file')

  const both = ['--second', place('two'), '--second-passphrase-file', place('pass'), '--yes']
  expect(answered(await block([...keys, '--lift', ...both]))).toMatchObject({ given: true, second: true })
  expect(await isBlocked(boards[3] as Signer)).toBe(false)
})

test('only `all`, or numbers that are shown, say which keys are meant', () => {
  const bearer = { disputed: true, blocked: false, paired: false, serial: 'T-1' }
  const bearers = ['a', 'b', 'c'].map(deviceId => ({ ...bearer, deviceId }))
  for (const answer of [undefined, '', ' ', 'y', '0', '4', '1 4', '1x', '-1', '1.5', 'none', '12'])
    expect(pick(bearers, answer), answer).toBeUndefined()
  const picked = (answer: string) => pick(bearers, answer)?.map(({ deviceId }) => deviceId)
  expect([picked('2'), picked('3, 1'), picked('all')]).toEqual([['b'], ['c', 'a'], ['a', 'b', 'c']])
  expect([isAmbiguous(bearers), isAmbiguous(bearers.slice(2)), isAmbiguous([])]).toEqual([true, false, false])
})

test('what is asked wrongly is an error of usage, and a folder that is none is named', async () => {
  for (const args of [
    [],
    ['abc'],
    [anId('x'), '--out', 'f', '--second', 'g'],
    ['--countersign', 'f', '--lift'],
  ])
    expect((await block(args)).code, args.join(' ')).toBe(2)
  const none = await block([anId('x'), '--yes'], { signer: 'nobody' })
  expect(none.output).toContain('factory.signer')
  expect(await codeFrom(new SignerFolder(disk, place('one')).unlock('another'))).toBe('home.passphrase')
})
