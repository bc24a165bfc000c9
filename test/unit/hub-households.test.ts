import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Signer } from '../../protocol/keys.ts'
import type { RequestBody } from '../../protocol/registrar.ts'
import { type Home, newHome } from '../support/hub-people.ts'
import { newSigner } from '../support/people.ts'
import { codeFrom, Desk } from '../support/registrar-desk.ts'

let desk: Desk
beforeEach(async () => {
  desk = await Desk.open()
})
afterEach(() => desk.close())

const register = (home: Home, code: string, signer = home.root) =>
  codeFrom(desk.send(signer, home.id, { action: 'household', code, roster: home.first, successions: [] }))
const renew = (home: Home, roster: string, successions: string[] = [], signer = home.root) =>
  codeFrom(desk.send(signer, home.id, { action: 'roster', roster, successions }))

test('a code lets one household in, then there is another', async () => {
  const [first, second] = [await newHome(), await newHome()]
  const code = await desk.registrar.registrationCode()
  expect(code).toMatch(/^[a-z2-7]{4}(-[a-z2-7]{4}){3}$/)
  expect(await register(first, ` ${code.toUpperCase()} `)).toBeUndefined()
  expect(await register(second, code)).toBe('hub.code')
  const next = await desk.registrar.registrationCode()
  expect(next).not.toBe(code)
  expect(await register(second, next)).toBeUndefined()
})

test('of two homes with one code at once exactly one gets in', async () => {
  const homes = await Promise.all(Array.from({ length: 5 }, () => newHome()))
  const code = await desk.registrar.registrationCode()
  const answers = await Promise.all(homes.map(home => register(home, code)))
  expect(answers.filter(answer => answer === undefined)).toHaveLength(1)
  expect(answers.filter(answer => answer === 'hub.code')).toHaveLength(4)
})

test('a wrong code tells nothing of who is registered', async () => {
  const home = await desk.home()
  const stranger = await newHome()
  const renamed = await home.roster()
  for (const code of ['', 'aaaa-aaaa-aaaa-aaaa', 'ä'.repeat(40), 'x'.repeat(40)]) {
    expect(await register(stranger, code)).toBe('hub.code')
    expect(
      await codeFrom(
        desk.send(home.root, home.id, { action: 'household', code, roster: renamed, successions: [] }),
      ),
    ).toBe('hub.code')
  }
  const code = await desk.registrar.registrationCode()
  expect(
    await codeFrom(
      desk.send(home.root, home.id, { action: 'household', code, roster: renamed, successions: [] }),
    ),
  ).toBe('hub.household')
  // Nothing of that used the code up.
  expect(await register(stranger, code)).toBeUndefined()
})

test('registering again with the very same roster is no error: the answer may have been lost', async () => {
  const home = await desk.home()
  expect(await register(home, 'used')).toBeUndefined()
})

test('a new code replaces the one before', async () => {
  const before = await desk.registrar.registrationCode()
  const after = await desk.registrar.newCode()
  expect(await register(await newHome(), before)).toBe('hub.code')
  expect(await register(await newHome(), after)).toBeUndefined()
})

test('only its own root registers a household, with a roster of its own', async () => {
  const [home, other] = [await newHome(), await newHome()]
  const code = await desk.registrar.registrationCode()
  expect(await register(home, code, newSigner())).toBe('statement.signer')
  const foreign = { action: 'household' as const, code, roster: other.first, successions: [] }
  expect(await codeFrom(desk.send(other.root, home.id, foreign))).toBe('roster.household')
  expect(await codeFrom(desk.send(home.root, home.id, { ...foreign, roster: 'a.b.c' }))).toBe(
    'statement.kind',
  )
  expect(await register(home, code)).toBeUndefined()
})

test('a newer roster is taken, an older or unchained one is not, and the published one stays', async () => {
  const home = await desk.home()
  const guest = newSigner()
  const second = await home.roster({ number: 2, prev: home.first, members: [home.founder, guest] })
  expect(await renew(home, second)).toBeUndefined()
  expect(await renew(home, second)).toBeUndefined()
  expect(await renew(home, home.first)).toBe('roster.old')
  expect(await renew(home, await home.roster({ number: 3, prev: home.first }))).toBe('roster.chain')
  expect(await desk.registrar.published(home.id)).toEqual({ roster: second, successions: [], move: null })
  expect(await desk.registrar.rosterNumber(home.id)).toBe(2)
  // After a gap any higher number is taken.
  expect(await renew(home, await home.roster({ number: 9, prev: 'x' }))).toBeUndefined()
})

test('a stranger and an unknown household get the same answer', async () => {
  const [home, unknown, stranger] = [await desk.home(), await newHome(), await newHome()]
  const roster = await home.roster({ number: 2, prev: home.first })
  expect(await renew(home, roster, [], stranger.root)).toBe('hub.household')
  expect(await renew(unknown, unknown.first, [], stranger.root)).toBe('hub.household')
  // Nor does a line that leads nowhere tell which of the two it was about.
  const forged = await stranger.succession(stranger.root)
  for (const line of [['a.b.c'], [forged]]) {
    const tried = [home, unknown].map(async of => {
      const text = await of.roster({ number: 2, prev: of.first, root: stranger.root, generation: 1 })
      return renew(of, text, line, stranger.root)
    })
    const [here, nowhere] = await Promise.all(tried)
    expect(here).toMatch(/^statement\./)
    expect(nowhere).toBe(here)
  }
  expect(await register(home, 'no-code', stranger.root)).toBe('hub.code')
  expect(await codeFrom(desk.registrar.published(unknown.id))).toBe('hub.household')
  expect(await desk.registrar.rosterNumber(unknown.id)).toBe(0)
})

test('who is a member no more has no certificate any more, there and nowhere else', async () => {
  const home = await desk.home()
  const other = await desk.home()
  const guest = newSigner()
  const second = await home.roster({ number: 2, prev: home.first, members: [home.founder, guest] })
  expect(await renew(home, second)).toBeUndefined()
  const elsewhere = await other.roster({ number: 2, prev: other.first, members: [other.founder, guest] })
  expect(await renew(other, elsewhere)).toBeUndefined()
  const [one, two, there, founder] = [
    await desk.enrol(guest, { householdId: home.id }),
    await desk.enrol(guest, { householdId: home.id }),
    await desk.enrol(guest, { householdId: other.id }),
    await desk.enrol(home.founder, { householdId: home.id }),
  ]
  desk.changed.length = 0
  expect(await renew(home, await home.roster({ number: 3, prev: second }))).toBeUndefined()
  expect(desk.changed).toEqual([guest.id])
  const counting = await Promise.all([one, two, there, founder].map(certificate => desk.counts(certificate)))
  expect(counting).toEqual([false, false, true, true])
  expect(await codeFrom(desk.enrol(guest, { householdId: home.id }))).toBe('enrol.member')
})

test('a member who enrols while being removed ends up without a certificate that counts', async () => {
  const home = await desk.home()
  const guest = newSigner()
  let roster = home.first
  for (let round = 0; round < 5; round++) {
    const within = await home.roster({ number: 2 * round + 2, prev: roster, members: [home.founder, guest] })
    expect(await renew(home, within)).toBeUndefined()
    roster = await home.roster({ number: 2 * round + 3, prev: within })
    const enrolments = await Promise.all(
      Array.from({ length: 4 }, () => desk.enrolment(guest, { householdId: home.id })),
    )
    const gone = await desk.sign(home.root, home.id, { action: 'roster', roster, successions: [] })
    const answers = await Promise.all([
      ...enrolments
        .slice(0, 2)
        .map(({ csr, statement }) => desk.registrar.enrol(csr, statement).catch(() => undefined)),
      desk.registrar.request(gone).then(() => undefined),
      ...enrolments
        .slice(2)
        .map(({ csr, statement }) => desk.registrar.enrol(csr, statement).catch(() => undefined)),
    ])
    for (const answer of answers)
      if (answer !== undefined) expect(await desk.counts(desk.certificate(answer))).toBe(false)
  }
})

test('the successor’s new root takes over, and the old one is refused', async () => {
  const home = await desk.home()
  const next = newSigner()
  const succession = await home.succession(next)
  const roster = await home.roster({ number: 2, prev: home.first, root: next, generation: 1 })
  // Not without the succession, and not with one that the successor has not signed.
  expect(await renew(home, roster, [], next)).toBe('hub.household')
  const forged = await (await newHome()).succession(next)
  expect(await renew(home, roster, [forged], next)).toBe('statement.signer')
  expect(await renew(home, roster, [succession], next)).toBeUndefined()
  expect(await desk.registrar.published(home.id)).toEqual({ roster, successions: [succession], move: null })
  const back = await home.roster({ number: 3, prev: roster })
  expect(await renew(home, back)).toBe('hub.household')
  expect(await renew(home, back, [succession])).toBe('roster.generation')
  const camera = newSigner()
  expect(await codeFrom(desk.claim(home, camera))).toBe('hub.household')
  const claim = await home.claim(camera, 1, { root: next })
  expect(await codeFrom(desk.send(next, home.id, { action: 'claim', claim }))).toBeUndefined()
})

test('a request is taken once, from its signer, with a nonce of this hub’s', async () => {
  const home = await desk.home()
  const roster = await home.roster({ number: 2, prev: home.first })
  const body: RequestBody = { action: 'roster', roster, successions: [] }
  const jws = await desk.sign(home.root, home.id, body)
  await desk.registrar.request(jws)
  expect(await codeFrom(desk.registrar.request(jws))).toBe('hub.nonce')
  const other = desk.nonces.make(newSigner().id)
  expect(await codeFrom(desk.registrar.request(await desk.sign(home.root, home.id, body, other)))).toBe(
    'hub.nonce',
  )
  const [header, payload] = jws.split('.')
  expect(await codeFrom(desk.registrar.request(`${header}.${payload}.${'A'.repeat(86)}`))).toBe(
    'statement.signature',
  )
  expect(await codeFrom(desk.registrar.request('x'.repeat(300 * 1024)))).toBe('statement.size')
  expect(await codeFrom(desk.registrar.request(''))).toBe('statement.kind')
  expect(await codeFrom(desk.registrar.request(home.first))).toBe('statement.kind')
})

test('a household that was succeeded in elsewhere registers with its successions', async () => {
  const home = await newHome()
  const root = newSigner()
  const successions = [await home.succession(root)]
  const roster = await home.roster({ number: 2, prev: home.first, root, generation: 1 })
  const code = await desk.registrar.registrationCode()
  const register = (body: { roster: string; successions: string[] }, signer = root) =>
    codeFrom(desk.send(signer, home.id, { action: 'household', code, ...body }))
  expect(await register({ roster, successions: [] })).toBe('roster.generation')
  expect(await register({ roster: home.first, successions }, home.root)).toBe('roster.generation')
  expect(await register({ roster, successions })).toBeUndefined()
  expect(await desk.registrar.published(home.id)).toMatchObject({ roster, successions })
})

test('a new root owes the numbers of the one before nothing', async () => {
  const home = await desk.home()
  const camera = newSigner()
  await desk.claim(home, camera)
  const send = (signer: Signer, block: string) =>
    codeFrom(desk.send(signer, home.id, { action: 'block', block }))
  const most = Number.MAX_SAFE_INTEGER
  expect(await send(home.root, await home.block(most, [[camera, 1]]))).toBeUndefined()
  const root = newSigner()
  const roster = await home.roster({ number: 2, prev: home.first, root, generation: 1 })
  expect(await renew(home, roster, [await home.succession(root)], root)).toBeUndefined()
  expect(await send(root, await home.block(1, [[camera, 1]], { blocked: false, root }))).toBeUndefined()
})
