import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { makeBoard } from '../../deploy/factory/make.ts'
import { OfflineFile } from '../../deploy/factory/offline-file.ts'
import { Station } from '../../deploy/factory/station.ts'
import { hashOfBoxCode } from '../../protocol/box-code.ts'
import type { Signer } from '../../protocol/keys.ts'
import { birthKind, readRegistration } from '../../protocol/maker.ts'
import { readIdevid } from '../../protocol/maker-chain.ts'
import { makeStatement } from '../../protocol/statement.ts'
import { disk } from '../../storage/disk.ts'
import { TestMaker } from '../support/maker.ts'
import { newSigner } from '../support/people.ts'
import { temporaryFolder } from '../support/places.ts'
import { codeFrom } from '../support/registrar-desk.ts'

const now = new Date()
const later = (hours: number) => new Date(now.getTime() + hours * 3600_000)
let folder: string
let remove: () => Promise<void>
let maker: TestMaker
let station: Station
let done: string[]
/** Of the board that was made last. */
let code: string
beforeEach(async () => {
  const made = await temporaryFolder()
  folder = made.path
  remove = made.remove
  maker = await TestMaker.make()
  station = await Station.certify(disk, folder, { root: maker.authority, name: 'Line', now })
  done = []
})
afterEach(() => remove())

const say = (board: Signer, changed: object = {}, by = board) =>
  makeStatement(birthKind, { deviceId: board.id, serial: 'OL-1', nonce: 'a'.repeat(26), ...changed }, by)

async function make(birth: string, refused?: Error, at = now): Promise<string> {
  const { deviceId, boxCode } = await makeBoard(
    station,
    { serial: 'OL-1', birth, now: at },
    {
      asked: nonce => station.isOpen(nonce, at),
      async register(registration) {
        if (refused) throw refused
        done.push(registration)
      },
      keep: async idevid => void done.push(idevid),
    },
  )
  code = boxCode
  return deviceId
}

test('a board is registered first, then certified; its nonce is spent last', async () => {
  const board = newSigner()
  const nonce = await station.giveNonce(now)
  const birth = await say(board, { nonce })
  const refused = new Error('no hub')
  await expect(make(birth, refused)).rejects.toBe(refused)
  expect(done).toEqual([])
  expect(await make(birth)).toBe(board.id)
  const [registration = '', idevid = ''] = done
  expect(await readRegistration(registration)).toMatchObject({
    ...{ stationId: station.signer.id, serial: 'OL-1', deviceId: board.id, boxCode: hashOfBoxCode(code) },
  })
  const chain = [...idevid.matchAll(/-----BEGIN CERTIFICATE-----([^-]+)/g)].map(([, text = '']) =>
    text.replace(/\s/g, ''),
  )
  expect(await readIdevid(chain, maker.root, now)).toEqual({
    ...{ deviceId: board.id, serial: 'OL-1', stationId: station.signer.id },
  })
  expect(await codeFrom(make(birth))).toBe('factory.nonce')
})

test('a board’s word that is another’s, about another serial, or answers nothing makes nothing', async () => {
  const [board, other] = [newSigner(), newSigner()]
  const nonce = await station.giveNonce(now)
  // Another key says that it is this board.
  expect(await codeFrom(make(await say(board, { nonce }, other)))).toBe('statement.signer')
  expect(await codeFrom(make(await say(board, { nonce, serial: 'OL-2' })))).toBe('serial.birth')
  expect(await codeFrom(make(await say(board)))).toBe('factory.nonce')
  const rewritten = (await say(board, { nonce })).replace(/.{8}$/, 'AAAAAAAA')
  expect(await codeFrom(make(rewritten))).toBe('statement.signature')
  expect(await codeFrom(make('no statement'))).toBe('statement.kind')
  expect(done).toEqual([])
  expect(await make(await say(board, { nonce }))).toBe(board.id)
})

test('a nonce is good for a day, at the station that gave it', async () => {
  const board = newSigner()
  const second = await Station.certify(disk, join(folder, 'two'), {
    ...{ root: maker.authority, name: 'Line 2', now },
  })
  const foreign = await say(board, { nonce: await second.giveNonce(now) })
  expect(await codeFrom(make(foreign))).toBe('factory.nonce')
  const birth = await say(board, { nonce: await station.giveNonce(now) })
  expect(await codeFrom(make(birth, undefined, later(25)))).toBe('factory.nonce')
  expect(await station.isOpen('../station-key.pem', now)).toBe(false)
})

test('a station whose certificate has ended, or is not its key’s, makes nothing', async () => {
  expect(await codeFrom(Station.open(disk, folder, later(9.9 * 365 * 24)))).toBeUndefined()
  expect(await codeFrom(Station.open(disk, folder, later(10.1 * 365 * 24)))).toBe('station.unknown')
  await disk.write(join(folder, 'station-key.pem'), Buffer.from('no key'))
  expect(await codeFrom(Station.open(disk, folder, now))).toBe('factory.damaged')
  await disk.remove(join(folder, 'station-key.pem'))
  expect(await codeFrom(Station.open(disk, folder, now))).toBe('factory.station')
  await Station.certify(disk, join(folder, 'two'), { root: maker.authority, name: 'Line 2', now })
  const foreign = await disk.read(join(folder, 'two', 'station-key.pem'))
  await disk.write(join(folder, 'station-key.pem'), foreign ?? new Uint8Array())
  expect(await codeFrom(Station.open(disk, folder, now))).toBe('factory.damaged')
})

test('a damaged line of an offline file spoils no other', async () => {
  const path = join(folder, 'written')
  const [a, b] = [newSigner(), newSigner()]
  const line = await maker.station()
  const file = new OfflineFile(disk, path)
  expect(await codeFrom(file.read())).toBe('factory.file')
  await file.add(await line.registration('OL-1', a))
  const text = Buffer.from((await disk.read(path)) ?? []).toString()
  await disk.write(path, Buffer.from(`${text}x.y.z\n\nno line\n`))
  await file.add(await line.registration('OL-2', b))
  const read = await file.read()
  expect(
    read.map(written => ('registration' in written ? written.registration.serial : written.damaged)),
  ).toEqual(['OL-1', 'statement.kind', 'statement.kind', 'OL-2'])
})
