import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Household } from '../../agent/household.ts'
import { readClaim } from '../../protocol/claim.ts'
import { makePrivateKey, signerOf } from '../../protocol/keys.ts'
import { moveKind } from '../../protocol/ownership.ts'
import { acceptRoster } from '../../protocol/roster.ts'
import { makeStatement } from '../../protocol/statement.ts'
import { disk } from '../../storage/disk.ts'
import type { HubAddress } from '../../wire/hub-client.ts'
import { type Family, makeFamily, time } from '../support/agent-family.ts'
import { newSigner } from '../support/people.ts'
import { temporaryFolder } from '../support/places.ts'

let data: string
let remove: () => Promise<void>
let family: Family

beforeEach(async () => {
  const made = await temporaryFolder()
  data = made.path
  remove = made.remove
  family = await makeFamily()
})
afterEach(() => remove())

const load = () => Household.load(disk, data, family.device.id)

test('an unpaired camera has none', async () => {
  expect(await load()).toBeUndefined()
})

test('what was joined is there after a restart, and seals to its members', async () => {
  const joined = await family.joined(disk, data, { epoch: 3 })
  const loaded = await load()
  expect(loaded?.membership()).toEqual(joined.membership())
  expect(loaded?.membership().recipients).toHaveLength(1)
  expect(loaded?.membership().envelope).toEqual({
    audience: 'household',
    householdId: family.pin.householdId,
    deviceId: family.device.id,
    epoch: 3,
    roster: 1,
  })
})

test('a damaged file is refused and left as it is: truncated anywhere, or with any one character changed', async () => {
  await family.joined(disk, data)
  const path = join(data, 'household.json')
  const whole = await readFile(path, 'utf8')
  const step = Math.ceil(whole.length / 60)
  const damaged: string[] = []
  for (let at = 1; at < whole.length; at += step) {
    damaged.push(whole.slice(0, at))
    // The last character of a signature has bits that say nothing.
    if (whole[at + 1] === '"') continue
    const letter = whole[at] === 'A' ? 'B' : 'A'
    damaged.push(whole.slice(0, at) + letter + whole.slice(at + 1))
  }
  for (const text of damaged) {
    await writeFile(path, text)
    await expect(load()).rejects.toMatchObject({ code: 'household.damaged' })
    expect(await readFile(path, 'utf8')).toBe(text)
  }
})

test('a file of another camera, household or root is refused', async () => {
  const stranger = await makeFamily()
  await stranger.joined(disk, data)
  await expect(load()).rejects.toMatchObject({ code: 'household.damaged' })

  // The pin says whose claim and roster count.
  const path = join(data, 'household.json')
  await family.joined(disk, data)
  const held = JSON.parse(await readFile(path, 'utf8'))
  await writeFile(path, JSON.stringify({ ...held, pin: stranger.pin }))
  await expect(load()).rejects.toMatchObject({ code: 'household.damaged' })
  await writeFile(path, JSON.stringify({ ...held, roster: await stranger.roster({ number: 1 }) }))
  await expect(load()).rejects.toMatchObject({ code: 'household.damaged' })
})

test('a newer roster that chains is taken, and is on the disk', async () => {
  const household = await family.joined(disk, data)
  const held = JSON.parse(await readFile(join(data, 'household.json'), 'utf8')).roster
  const added = [...family.people, await family.newPerson()]
  const second = await family.roster({ number: 2, after: held, people: added })
  expect(await household.takeRoster(second, [])).toBe(true)
  expect(await household.takeRoster(second, [])).toBe(false)
  expect(household.membership().recipients).toHaveLength(2)
  expect((await load())?.rosterNumber).toBe(2)
})

test('a foreign, older, unchained or unsigned one changes nothing', async () => {
  const household = await family.joined(disk, data)
  const first = JSON.parse(await readFile(join(data, 'household.json'), 'utf8')).roster
  const second = await family.roster({ number: 2, after: first })
  await household.takeRoster(second, [])
  const stranger = await makeFamily()
  const elsewhere = await family.roster({ number: 1, people: [await family.newPerson()] })
  const bad = {
    'roster.household': await stranger.roster({ number: 9, after: second }),
    'roster.old': first,
    'roster.chain': await family.roster({ number: 3, after: elsewhere }),
    'statement.signer': await family.roster({ number: 3, after: second, signer: signerOf(makePrivateKey()) }),
    'statement.signature': `${(await family.roster({ number: 3, after: second })).slice(0, -8)}AAAAAAAA`,
  }
  for (const [code, text] of Object.entries(bad))
    await expect(household.takeRoster(text, [])).rejects.toMatchObject({ code })
  expect((await load())?.rosterNumber).toBe(2)
  expect(household.rosterNumber).toBe(2)
})

test('two answers at once do not take the roster back, in whatever order they come', async () => {
  const household = await family.joined(disk, data)
  const first = JSON.parse(await readFile(join(data, 'household.json'), 'utf8')).roster
  const second = await family.roster({ number: 2, after: first })
  const third = await family.roster({ number: 3, after: second })
  const taken = [third, second, third, second].map(text =>
    household.takeRoster(text, []).catch(error => error.code),
  )
  expect(await Promise.all(taken)).toEqual([true, 'roster.old', false, 'roster.old'])
  expect(household.rosterNumber).toBe(3)
  expect((await load())?.rosterNumber).toBe(3)
})

test('a roster that cannot be written does not count', async () => {
  const first = await family.roster({ number: 1 })
  const claim = await readClaim(await family.claim(1), family.pin)
  const roster = await acceptRoster(family.pin, undefined, first)
  let room = true
  const limited: typeof disk = {
    ...disk,
    write: (path, bytes, mode) => (room ? disk.write(path, bytes, mode) : Promise.reject(new Error('full'))),
  }
  const household = await Household.join(limited, data, { pin: family.pin, claim, roster, successions: [] })
  room = false
  const second = await family.roster({ number: 2, after: first })
  await expect(household.takeRoster(second, [])).rejects.toThrow('full')
  expect(household.rosterNumber).toBe(1)
  room = true
  expect(await household.takeRoster(second, [])).toBe(true)
})

describe('where the hub is', () => {
  const hubs = [1, 2].map(port => ({ url: `https://127.0.0.1:${port}`, caId: newSigner().id }))
  const [first, second] = hubs as [HubAddress, HubAddress]
  const move = (
    number: number,
    to: readonly HubAddress[],
    signer = family.root,
    householdId = family.pin.householdId,
  ) => makeStatement(moveKind, { householdId, number, hubs: [...to], issuedAt: time() }, signer)

  test('a claim says it until the root says otherwise; the newest word is kept, the old hub stays the last', async () => {
    const household = await family.joined(disk, data, { hub: first })
    expect(household.hubs).toEqual([first])
    expect(await household.takeMove(await move(3, [second]))).toBe(true)
    expect(household.hubs).toEqual([second, first])
    expect((await load())?.hubs).toEqual([second, first])
    await expect(household.takeMove(await move(2, [first]))).rejects.toMatchObject({ code: 'move.old' })
    await expect(household.takeMove(await move(3, [first]))).rejects.toMatchObject({ code: 'move.old' })
    expect(await household.takeMove(await move(4, [first, second]))).toBe(true)
    expect((await load())?.hubs).toEqual([first, second])
  })

  test('the same word again is none, and a word of somebody else is refused', async () => {
    const household = await family.joined(disk, data, { hub: first })
    const word = await move(1, [second])
    expect(await household.takeMove(word)).toBe(true)
    expect(await household.takeMove(word)).toBe(false)
    const bad = {
      'statement.signer': await move(9, [first], newSigner()),
      'claim.household': await move(9, [first], family.root, family.device.id),
    }
    for (const [code, text] of Object.entries(bad))
      await expect(household.takeMove(text)).rejects.toMatchObject({ code })
    expect((await load())?.hubs).toEqual([second, first])
  })
})
