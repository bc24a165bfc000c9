import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { nameSuccessors } from '../../deploy/hub/households.ts'
import type { Signer } from '../../protocol/keys.ts'
import { type BlockOptions, type Home, resetOf } from '../support/hub-people.ts'
import { newSigner } from '../support/people.ts'
import { codeFrom, Desk } from '../support/registrar-desk.ts'

const HOUR = 3600_000
const DAY = 24 * HOUR
let desk: Desk
let home: Home
let other: Home
let camera: Signer
beforeEach(async () => {
  desk = await Desk.open()
  home = await desk.home()
  other = await desk.home()
  camera = newSigner()
  await desk.claim(home, camera)
})
afterEach(() => desk.close())

const self = (by = camera) => desk.send(by, null, { action: 'device' })
const release = (text: string, by = home, signer = by.root) =>
  codeFrom(desk.send(signer, by.id, { action: 'release', release: text }))
const object = (by = home) => desk.send(by.root, by.id, { action: 'object', deviceId: camera.id })
const block = (text: string, by = home) =>
  codeFrom(desk.send(by.root, by.id, { action: 'block', block: text }))
const enrol = (epoch = 1, by = home, counter = 1) =>
  desk.enrol(camera, { householdId: by.id, epoch, counter })
/** Code and detail of a refused claim. */
const refused = (by: Home, epoch = 2, signer = camera) =>
  desk.claim(by, signer, epoch).then(
    () => undefined,
    error => [error.code, error.detail],
  )
const kinds = async (by = home) => (await desk.registrar.notices(by.id)).map(({ kind }) => kind)

describe('a release', () => {
  test('makes the camera nobody’s at once, and ends its certificates', async () => {
    const certificate = await enrol()
    expect(await refused(other)).toEqual(['claim.owned', undefined])
    const text = await home.release(camera, 1)
    desk.changed.length = 0
    expect(await release(text)).toBeUndefined()
    expect(desk.changed).toEqual([camera.id])
    expect(await desk.counts(certificate)).toBe(false)
    expect(await codeFrom(enrol(1, home, 2))).toBe('enrol.claim')
    expect(await self()).toMatchObject({ epoch: 1, release: text })
    // Its answer may have been lost.
    expect(await release(text)).toBeUndefined()
    expect(desk.changed).toEqual([camera.id])
    // A half that was made before is of no use to anybody now.
    for (const by of [home, other]) expect(await refused(by)).toEqual(['claim.epoch', undefined])
    expect(await refused(other, 3)).toBeUndefined()
    expect(await self()).toMatchObject({ epoch: 3, release: null })
    // A late one says nothing of the new owner.
    expect(await release(text)).toBeUndefined()
    await enrol(3, other)
  })

  test('is the current root’s, for its own camera in the epoch that stands', async () => {
    const stranger = newSigner()
    expect(await release(await other.release(camera, 1), other)).toBe('block.device')
    expect(await release(await home.release(camera, 2))).toBe('block.device')
    expect(await release(await home.release(stranger, 1))).toBe('block.device')
    expect(await release(await home.release(camera, 1, other.root))).toBe('statement.signer')
    expect(await release(await home.release(camera, 1), home, home.founder)).toBe('hub.household')
    expect(await release(await home.release(camera, 1), other)).toBe('statement.signer')
    expect(await refused(other)).toEqual(['claim.owned', undefined])
    // The claim that was released stands no more, whoever sends it.
    const claim = (await desk.registrar.claims(home.id))[0] ?? ''
    await desk.release(home, camera)
    expect(await codeFrom(desk.send(home.root, home.id, { action: 'claim', claim }))).toBe('claim.epoch')
  })

  test('by the new root after a succession counts, by the old one not', async () => {
    const root = newSigner()
    const successions = [await home.succession(root)]
    const roster = await home.roster({ number: 2, prev: home.first, root, generation: 1 })
    await desk.send(root, home.id, { action: 'roster', roster, successions })
    expect(await release(await home.release(camera, 1))).toBe('hub.household')
    expect(await release(await home.release(camera, 1), home, root)).toBe('statement.signer')
    expect(await release(await home.release(camera, 1, root), home, root)).toBeUndefined()
  })
})

describe('a reset', () => {
  test('frees the camera after 72 hours; its own home need not wait, and a second notice changes nothing', async () => {
    const freeAt = await desk.reset(camera)
    expect(Date.parse(freeAt ?? '') - desk.now.getTime()).toBe(72 * HOUR)
    desk.later(10 * HOUR)
    expect(await desk.reset(camera)).toBe(freeAt)
    expect(await refused(other)).toEqual(['claim.owned', freeAt])
    expect(await desk.registrar.notices(home.id)).toMatchObject([
      { kind: 'reset', deviceId: camera.id, freeAt },
    ])
    expect(await refused(home)).toBeUndefined()
    // The reset was of the epoch before.
    desk.later(100 * HOUR)
    expect(await refused(other, 3)).toEqual(['claim.owned', undefined])
    const again = await desk.reset(camera, 2)
    desk.later(72 * HOUR - 1)
    expect(await refused(other, 3)).toEqual(['claim.owned', again])
    desk.later(1)
    expect(await refused(other, 3)).toBeUndefined()
    expect(await kinds()).toEqual(['reset', 'reset'])
    expect(await kinds(other)).toEqual([])
  })

  test('of a camera that is nobody’s, or of an epoch before, is not noted', async () => {
    expect(await desk.reset(newSigner(), 0)).toBeNull()
    await desk.claim(home, camera, 2)
    expect(await desk.reset(camera, 1)).toBeNull()
    expect(await kinds()).toEqual([])
    await desk.release(home, camera, 2)
    expect(await desk.reset(camera, 2)).toBeNull()
    expect(await kinds()).toEqual([])
  })

  test('of a later epoch than this hub knows counts: the camera was elsewhere since', async () => {
    expect(await desk.reset(camera, 7)).not.toBeNull()
    expect(await kinds()).toEqual(['reset'])
  })

  test('is said by the camera alone', async () => {
    const reset = await resetOf(camera, 1)
    expect(await codeFrom(desk.send(newSigner(), null, { action: 'reset', reset }))).toBe('statement.signer')
    expect(await codeFrom(desk.send(camera, home.id, { action: 'reset', reset }))).toBe('hub.household')
    expect(await kinds()).toEqual([])
  })

  test('objected to frees nobody for 14 days, once', async () => {
    expect(await codeFrom(object())).toBe('claim.no_reset')
    await desk.reset(camera)
    desk.later(70 * HOUR)
    const { until } = await object()
    expect(Date.parse(until) - desk.now.getTime()).toBe(14 * DAY)
    desk.later(DAY)
    expect(await object()).toEqual({ until })
    expect(await desk.reset(camera)).toBe(until)
    expect(await refused(other)).toEqual(['claim.owned', until])
    desk.later(13 * DAY)
    expect(await codeFrom(object())).toBe('claim.no_reset')
    expect(await codeFrom(object(other))).toBe('block.device')
    expect(await refused(other)).toBeUndefined()
    expect(await codeFrom(object())).toBe('block.device')
  })
})

describe('a block', () => {
  test('ends certificates, enrolments and claims until a higher number lifts it', async () => {
    const [second, free] = [newSigner(), newSigner()]
    await desk.claim(home, second)
    await desk.claim(home, free)
    const [one, two, three] = [
      await enrol(),
      await desk.enrol(second, { householdId: home.id, epoch: 1 }),
      await desk.enrol(free, { householdId: home.id, epoch: 1 }),
    ]
    desk.changed.length = 0
    desk.calls = 0
    const both = await home.block(5, [
      [camera, 1],
      [second, 1],
    ])
    expect(await block(both)).toBeUndefined()
    expect(await block(both)).toBeUndefined()
    expect([...desk.changed].sort()).toEqual([camera.id, second.id].sort())
    expect(desk.calls).toBe(1)
    expect(await Promise.all([one, two, three].map(given => desk.counts(given)))).toEqual([
      false,
      false,
      true,
    ])
    expect(await codeFrom(enrol(1, home, 2))).toBe('enrol.blocked')
    expect(await self()).toMatchObject({ blocked: true })
    expect(await kinds()).toEqual(['blocked', 'blocked'])
    await desk.reset(camera)
    desk.later(73 * HOUR)
    for (const by of [other, home]) expect(await refused(by)).toEqual(['claim.blocked', undefined])
    const lift = (number: number, options: BlockOptions = { blocked: false }) =>
      home.block(number, [[camera, 1]], options)
    for (const number of [4, 5]) expect(await block(await lift(number))).toBe('block.old')
    expect(await block(await lift(6))).toBeUndefined()
    expect(await self()).toMatchObject({ blocked: false })
    expect(await codeFrom(enrol(1, home, 3))).toBeUndefined()
    expect(await codeFrom(desk.enrol(second, { householdId: home.id, epoch: 1, counter: 2 }))).toBe(
      'enrol.blocked',
    )
  })

  test('names cameras of the household in their epochs, all or none', async () => {
    const foreign = newSigner()
    await desk.claim(other, foreign)
    for (const [signer, epoch] of [
      [foreign, 1],
      [newSigner(), 1],
      [camera, 2],
    ] as const) {
      const text = await home.block(1, [
        [camera, 1],
        [signer, epoch],
      ])
      expect(await block(text)).toBe('block.device')
    }
    expect(await self()).toMatchObject({ blocked: false })
    expect(await block(await other.block(1, [[foreign, 1]]), home)).toBe('statement.signer')
    // Nothing of that has used up the number.
    expect(await block(await home.block(1, [[camera, 1]]))).toBeUndefined()
  })

  test('that comes while the camera enrols leaves it without a certificate that counts', async () => {
    for (let round = 0; round < 5; round++) {
      const asked = await Promise.all(
        [1, 2, 3].map(step =>
          desk.enrolment(camera, { householdId: home.id, epoch: 1, counter: round * 3 + step }),
        ),
      )
      const text = await home.block(2 * round + 1, [[camera, 1]])
      const signed = await desk.sign(home.root, home.id, { action: 'block', block: text })
      const answers = await Promise.all([
        ...asked
          .slice(0, 2)
          .map(({ csr, statement }) => desk.registrar.enrol(csr, statement).catch(() => undefined)),
        desk.registrar.request(signed).then(() => undefined),
        ...asked
          .slice(2)
          .map(({ csr, statement }) => desk.registrar.enrol(csr, statement).catch(() => undefined)),
      ])
      for (const answer of answers)
        if (answer !== undefined) expect(await desk.counts(desk.certificate(answer))).toBe(false)
      const lift = await home.block(2 * round + 2, [[camera, 1]], { blocked: false })
      expect(await block(lift)).toBeUndefined()
    }
  })

  test('is over with a release', async () => {
    await block(await home.block(1, [[camera, 1]]))
    await desk.release(home, camera)
    expect(await refused(other, 3)).toBeUndefined()
  })
})

test('a hub’s new address is published beside the roster, a higher number replaces it', async () => {
  const move = (text: string) => codeFrom(desk.send(home.root, home.id, { action: 'move', move: text }))
  const first = await home.move(3, 'https://new.example:8443')
  expect((await desk.registrar.published(home.id)).move).toBeNull()
  for (let again = 0; again < 2; again++) expect(await move(first)).toBeUndefined()
  expect(await move(await home.move(3, 'https://other.example'))).toBe('move.old')
  expect(await move(await home.move(4, 'https://x.example', other.root))).toBe('statement.signer')
  expect((await desk.registrar.published(home.id)).move).toBe(first)
  const second = await home.move(4, 'https://newer.example')
  expect(await move(second)).toBeUndefined()
  expect((await desk.registrar.published(home.id)).move).toBe(second)
  expect((await desk.registrar.published(other.id)).move).toBeNull()
})

test('a successor finds its household, and after a succession only the next one does', async () => {
  const heir = (by: Signer) => desk.send(by, null, { action: 'heir' })
  expect(await heir(home.successor)).toEqual({
    householdId: home.id,
    roster: home.first,
    successions: [],
    move: null,
  })
  for (const by of [home.root, home.founder, newSigner()])
    expect(await codeFrom(heir(by))).toBe('hub.household')
  const [root, next] = [newSigner(), newSigner()]
  const successions = [await home.succession(root, next)]
  const roster = await home.roster({ number: 2, prev: home.first, root, generation: 1 })
  await desk.send(root, home.id, { action: 'roster', roster, successions })
  expect(await codeFrom(heir(home.successor))).toBe('hub.household')
  expect(await heir(next)).toMatchObject({ householdId: home.id, roster, successions })
  // Somebody who has seen the roster names the same successor later.
  desk.later(1)
  const copier = newSigner()
  const copied = [await other.succession(copier, next)]
  const theirs = await other.roster({ number: 2, prev: other.first, root: copier, generation: 1 })
  await desk.send(copier, other.id, { action: 'roster', roster: theirs, successions: copied })
  expect(await heir(next)).toMatchObject({ householdId: home.id })
  // A later roster of the same root does not make it the younger one.
  desk.later(1)
  const third = await home.roster({ number: 3, prev: roster, root, generation: 1 })
  await desk.send(root, home.id, { action: 'roster', roster: third, successions })
  expect(await heir(next)).toMatchObject({ householdId: home.id, roster: third })
})

test('a household that an earlier version registered is found by its successor too', async () => {
  await desk.database.updateTable('households').set({ successor_id: '', successor_since: '' }).execute()
  const heir = () => desk.send(home.successor, null, { action: 'heir' })
  expect(await codeFrom(heir())).toBe('hub.household')
  await nameSuccessors(desk.database, desk.now)
  expect(await heir()).toMatchObject({ householdId: home.id })
})

test('a held camera goes on when its own household confirms, and both states are told once', async () => {
  await enrol(1, home, 5)
  for (let again = 0; again < 3; again++) expect(await codeFrom(enrol(1, home, 4))).toBe('enrol.held')
  expect(await kinds()).toEqual(['held'])
  expect(await self()).toMatchObject({ held: true })
  const confirm = (by: Home) =>
    codeFrom(desk.send(by.root, by.id, { action: 'confirm', deviceId: camera.id }))
  expect(await confirm(other)).toBe('block.device')
  expect(await codeFrom(enrol(1, home, 4))).toBe('enrol.held')
  expect(await confirm(home)).toBeUndefined()
  expect(await codeFrom(enrol(1, home, 4))).toBeUndefined()
  expect(await self()).toMatchObject({ held: false })
})

test('a device learns of itself alone, and nothing of whose it is', async () => {
  const claim = (await desk.registrar.claims(home.id))[0]
  const nothing = { epoch: 0, claim: null, release: null, held: false, blocked: false }
  expect(await self()).toEqual({ ...nothing, epoch: 1, claim })
  expect(await self(newSigner())).toEqual(nothing)
})

test('what only roots may ask is refused to strangers, and the other way round', async () => {
  const release = await home.release(camera, 1)
  const block = await home.block(1, [[camera, 1]])
  const move = await home.move(1, 'https://x.example')
  for (const body of [
    { action: 'release', release },
    { action: 'block', block },
    { action: 'move', move },
    { action: 'object', deviceId: camera.id },
    { action: 'confirm', deviceId: camera.id },
    { action: 'invite', mailbox: camera.id },
  ] as const) {
    expect(await codeFrom(desk.send(home.root, null, body))).toBe('hub.request')
    for (const signer of [home.founder, other.root, other.founder, camera]) {
      // An order about blocks is the root's word, whichever member carries it.
      const carried = body.action === 'block' && signer === home.founder
      expect(await codeFrom(desk.send(signer, home.id, body))).toBe(carried ? undefined : 'hub.household')
    }
  }
  for (const body of [{ action: 'device' }, { action: 'heir' }] as const)
    expect(await codeFrom(desk.send(home.root, home.id, body))).toBe('hub.request')
})
