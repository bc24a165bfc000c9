import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { describeVerdict, readVerdict } from '../../check/verdict.ts'
import { boxCodeOf } from '../../protocol/box-code.ts'
import { makePrivateKey, privateKeyToPem, type Signer, signerOf } from '../../protocol/keys.ts'
import { makerKeyKinds } from '../../protocol/maker-keys.ts'
import { blockKind } from '../../protocol/ownership.ts'
import type { RequestAnswer } from '../../protocol/registrar.ts'
import { standingKind } from '../../protocol/standing.ts'
import { makeStatement, readStatement } from '../../protocol/statement.ts'
import { runCommand } from '../support/command.ts'
import { TestMaker, TestSigner, type TestStation } from '../support/maker.ts'
import { newSigner } from '../support/people.ts'
import { codeFrom } from '../support/registrar-desk.ts'
import { startTestHub, type TestHub } from '../support/test-hub.ts'

const maker = await TestMaker.make()
const [one, two] = [new TestSigner(), new TestSigner()]
let at: TestHub
let station: TestStation
let codes = 0

beforeAll(async () => {
  at = await startTestHub({ makerRoot: maker.root })
  station = await maker.station()
  const word = await maker.says('station', station.signer.id, 1)
  await at.client.request(null, { action: 'station', station: word }, maker.signer)
  for (const { signer } of [one, two]) {
    const said = await maker.says('signer', signer.id, 1)
    await at.client.request(null, { action: 'signer', signer: said }, maker.signer)
  }
})
afterAll(() => at.close())

/** A board of the station's, and the code in its box. */
async function make(serial: string, board = newSigner(), madeAt?: Date) {
  const box = boxCodeOf(Buffer.alloc(16, ++codes))
  const registration = await station.registration(serial, board, { box, ...(madeAt && { madeAt }) })
  const chain = [...station.chain]
  await at.client.request(null, { action: 'register', registration, chain, offline: true }, station.signer)
  return { board, code: box }
}
const order = async (devices: readonly Signer[], blocked = true, second?: TestSigner) => {
  const block = await one.order(devices, { blocked, reason: 'Two cameras bear one serial' })
  const word = second ? await second.second(block) : null
  await at.client.request(null, { action: 'maker-block', block, second: word }, one.signer)
}
const ask = (code: string | null, by = newSigner()) => at.client.request(null, { action: 'check', code }, by)
const hubKeyId = (answer: RequestAnswer<'check'>) => at.client.hubKeyId(Buffer.from(answer.hub, 'base64'))
const verdict = async (code: string | null, by = newSigner()) => {
  const answer = await ask(code, by)
  return readVerdict(answer, await hubKeyId(answer), code === null ? by.id : undefined)
}

describe('whoever holds a camera or its box is told how it stands', () => {
  test('by the code and by the key alike, through blocks and lifts of the maker’s', async () => {
    const { board, code } = await make('C-1')
    const well = { deviceId: board.id, blocked: null, disputed: false, cloned: false, order: null }
    expect(await verdict(code)).toMatchObject(well)
    await order([board], true, two)
    for (const told of [await verdict(code), await verdict(null, board)]) {
      expect(told).toMatchObject({ ...well, blocked: 'maker', order: { block: { blocked: true } } })
      const text = describeVerdict(told).join('\n')
      expect(text).toContain('BLOCKED by its maker')
      expect(text).toContain('“Two cameras bear one serial”')
      expect(text).toContain('signed by two signers')
      expect(told.order?.position).toBeLessThan(told.log.size)
    }
    await order([board], false)
    expect(await verdict(code)).toMatchObject(well)
    // A camera that nobody ever heard of may ask of itself too, and of no other.
    const stranger = newSigner()
    expect(await verdict(null, stranger)).toMatchObject({ ...well, deviceId: stranger.id })
  })

  test('of its owner’s block, without a word of whose it is', async () => {
    const { board, code } = await make('C-2')
    const home = await at.home()
    await at.camera(home, { signer: board })
    const devices = [{ deviceId: board.id, epoch: 1 }]
    const payload = {
      householdId: home.id,
      number: 1,
      devices,
      blocked: true,
      issuedAt: new Date().toISOString(),
    }
    const block = await makeStatement(blockKind, payload, home.root)
    await at.client.request(home.id, { action: 'block', block }, home.root)
    const answer = await ask(code)
    expect(JSON.stringify(answer)).not.toContain(home.id)
    expect(answer.record).toBeNull()
    expect(await verdict(code)).toMatchObject({ blocked: 'owner' })
    await order([board])
    expect(await verdict(code)).toMatchObject({ blocked: 'maker' })
    await order([board], false)
    expect(await verdict(code)).toMatchObject({ blocked: 'owner' })
  })

  test('of a serial in dispute; a new label changes no code, a board that was made again has another one', async () => {
    const [first, twin] = [await make('C-3'), await make('C-3')]
    for (const { code } of [first, twin]) expect(await verdict(code)).toMatchObject({ disputed: true })
    const serial = await maker.word('C-3b', twin.board, 1)
    await at.client.request(null, { action: 'serial', serial }, maker.signer)
    for (const { code, board } of [first, twin])
      expect(await verdict(code)).toMatchObject({ disputed: false, deviceId: board.id })
    const again = await make('C-3', first.board, new Date(Date.now() + 1000))
    expect(await codeFrom(ask(first.code))).toBe('check.unknown')
    expect(await verdict(again.code)).toMatchObject({ deviceId: first.board.id })
    // A book that is handed in late takes nothing back.
    await make('C-3', first.board, new Date(Date.now() - 60_000))
    expect(await verdict(again.code)).toMatchObject({ deviceId: first.board.id })
  })

  test('nobody by a serial, an id, or a code that never was', async () => {
    const { board, code } = await make('C-4')
    for (const guess of ['C-4', board.id.slice(0, 40), 'OB1:', code.slice(0, -1)])
      expect(await codeFrom(ask(guess))).toBe('check.code')
    expect(await codeFrom(ask(boxCodeOf(Buffer.alloc(16, 255))))).toBe('check.unknown')
  })
})

test('an answer that a hub or somebody on the way has changed is refused, piece by piece', async () => {
  const { board, code } = await make('F-1')
  const other = (await make('F-2')).board
  await order([other])
  const notBlocked = await ask(code)
  const theirs = await ask(null, other)
  await order([board])
  const good = await ask(code)
  const record = good.record ?? { position: 0, at: '', salt: '', content: '' }
  const key = await hubKeyId(good)
  const read = (changed: Partial<RequestAnswer<'check'>>, deviceId?: string) =>
    codeFrom(readVerdict({ ...good, ...changed }, key, deviceId))
  expect(await read({})).toBeUndefined()
  const { payload } = await readStatement(standingKind, good.standing, 'itself')
  const forged = await makeStatement(standingKind, { ...payload, blocked: null }, newSigner())
  for (const [changed, wanted] of [
    [{ standing: forged }, 'statement.signer'],
    // Other true words of the same hub's.
    [{ standing: notBlocked.standing }, 'check.answer'],
    [{ checkpoint: notBlocked.checkpoint }, 'check.answer'],
    [{ record: null }, 'check.answer'],
    [{ record: theirs.record }, 'log.proof'],
    [{ record: { ...record, position: record.position - 1 } }, 'log.proof'],
    [{ record: { ...record, at: '2026-01-01T00:00:00.000Z' } }, 'log.proof'],
    [{ record: { ...record, content: record.content.replace('makerBlock', 'report') } }, 'log.proof'],
    [{ proof: good.proof.slice(1) }, 'log.proof'],
  ] as const)
    expect(await read(changed), JSON.stringify(changed).slice(0, 80)).toBe(wanted)
  expect(await read({}, other.id)).toBe('check.answer')
  // A record that is in the log, with its own proof, but of another camera's order.
  const [mixed, standing] = [await ask(null, other), (await ask(code)).standing]
  expect(await codeFrom(readVerdict({ ...mixed, standing }, key))).toBe('check.answer')
})

describe('an order is the maker’s', () => {
  const given = async (serial: string) => {
    const { board, code } = await make(serial)
    await order([board], true, two)
    const answer = await ask(code)
    const key = await hubKeyId(answer)
    const idevid = await station.idevid(serial, board)
    const prove = (signers: readonly string[], known = {}) =>
      readVerdict({ ...answer, signers: [...signers] }, key, undefined, known)
    return { board, code, answer, idevid, prove }
  }

  test('when a root says so of each signer that the asker knows, or that has made the camera', async () => {
    const { answer, idevid, prove } = await given('S-1')
    const rootId = maker.root.id
    const knowing = [{ rootId }, { idevid }, { rootId, idevid }, { idevid: idevid.slice(0, 2) }]
    for (const known of knowing) {
      const told = await prove(answer.signers, known)
      expect(told.order?.maker).toEqual({ rootId, known: true, revoked: 0 })
      expect(describeVerdict(told).join('\n')).toContain('That was checked')
    }
    const unknown = await prove(answer.signers)
    expect(unknown.order?.maker).toEqual({ rootId, known: false, revoked: 0 })
    expect(describeVerdict(unknown).join('\n')).toContain('only --maker-root FILE shows')
  })

  test('and not by other words, another root’s, or the signers’ own', async () => {
    const { board, answer, idevid, prove } = await given('S-2')
    const other = await TestMaker.make('Other')
    const [first = '', second = ''] = answer.signers
    const theirs = await Promise.all([one, two].map(({ signer }) => other.says('signer', signer.id, 1)))
    const asStation = await maker.says('station', one.signer.id, 1)
    const own = await makeStatement(
      makerKeyKinds.signer,
      { keyId: one.signer.id, name: 'x', number: 1, active: true, issuedAt: new Date().toISOString() },
      one.signer,
    )
    for (const [signers, wanted] of [
      [[], 'check.answer'],
      [[first], 'check.answer'],
      [[second, first], 'check.answer'],
      [[first, first], 'check.answer'],
      [[first, theirs[1] ?? ''], 'check.answer'],
      [[own, second], 'check.answer'],
      [[asStation, second], 'statement.kind'],
      [[`${first.slice(0, -8)}AAAAAAAA`, second], 'statement.signature'],
    ] as const)
      expect(await codeFrom(prove(signers))).toBe(wanted)
    // Whole, but of a maker who has not made this camera.
    expect(await codeFrom(prove(theirs))).toBeUndefined()
    expect(await codeFrom(prove(theirs, { rootId: maker.root.id }))).toBe('check.answer')
    expect(await codeFrom(prove(theirs, { idevid }))).toBe('check.answer')
    const foreign = await (await other.station()).idevid('S-2', board)
    expect(await codeFrom(prove(answer.signers, { idevid: foreign }))).toBe('check.answer')
    expect(await codeFrom(prove(answer.signers, { idevid: idevid.slice(0, 1) }))).toBe('check.answer')
  })

  test('and says so when a signer was revoked since', async () => {
    const late = new TestSigner()
    const { board, code } = await make('S-3')
    for (const active of [true, false]) {
      const signer = await maker.says('signer', late.signer.id, active ? 1 : 2, active)
      await at.client.request(null, { action: 'signer', signer }, maker.signer)
      if (!active) break
      const block = await late.order([board])
      await at.client.request(null, { action: 'maker-block', block, second: null }, late.signer)
    }
    const told = await verdict(code)
    expect(told.order?.maker.revoked).toBe(1)
    expect(describeVerdict(told).join('\n')).toContain('revoked a signer')
  })

  test('and the command shows nothing of the other cameras in it', async () => {
    const [{ board, code }, other] = [await make('S-4'), (await make('S-5')).board]
    await order([other, board])
    await writeFile(join(at.folder, 'root.pem'), maker.root.certificate.toString('pem'))
    const asked = ['check', code, '--hub', at.hub.address, '--maker-root', join(at.folder, 'root.pem')]
    const [plain, json] = [await runCommand(asked), await runCommand([...asked, '--json'])]
    for (const { output } of [plain, json]) {
      expect(output).toContain(board.id)
      expect(output).not.toContain(other.id)
    }
    expect(plain.output).toContain('That was checked')
    expect(JSON.parse(json.output).order).toMatchObject({ makerRoot: maker.root.id, makerKnown: true })
    const foreign = await TestMaker.make('Foreign')
    await writeFile(join(at.folder, 'other.pem'), foreign.root.certificate.toString('pem'))
    const wrong = [...asked.slice(0, -1), join(at.folder, 'other.pem')]
    expect((await runCommand(wrong)).output).toContain('check.answer')
  })
})

test('the command asks by code and by a camera’s folder, and says by its exit code that something is wrong', async () => {
  const key = makePrivateKey()
  const { board, code } = await make('K-1', signerOf(key))
  const data = join(at.folder, 'camera')
  await mkdir(data)
  await writeFile(join(data, 'device-key.pem'), privateKeyToPem(key))
  const hub = ['--hub', at.hub.address]
  const well = await runCommand(['check', code.toLowerCase(), ...hub])
  expect(well).toMatchObject({ code: 0 })
  expect(well.output).toContain('It is not blocked.')
  await order([board])
  const blocked = await runCommand(['check', '--data', data, ...hub, '--json'])
  expect(blocked.code).toBe(1)
  expect(JSON.parse(blocked.output)).toMatchObject({
    ...{ deviceId: board.id, blocked: 'maker' },
    order: { reason: 'Two cameras bear one serial', signers: [one.signer.id] },
  })
  expect((await runCommand(['check', '--data', data])).output).toContain('check.hub')
  expect((await runCommand(['check', '--data', join(data, 'none'), ...hub])).output).toContain('check.key')
  expect((await runCommand(['check', code])).code).toBe(2)
})
