import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { foundHousehold } from '../../home/found.ts'
import { Household } from '../../home/household.ts'
import { addMember, inviteMember, joinHousehold } from '../../home/members.ts'
import { moveHousehold } from '../../home/move.ts'
import { pairThroughLens } from '../../home/pair.ts'
import { type Recovery, recoverHousehold } from '../../home/recover.ts'
import { makeRecoveryWords } from '../../home/successor.ts'
import type { Signer } from '../../protocol/keys.ts'
import { moveKind, readOrder } from '../../protocol/ownership.ts'
import { acceptRoster } from '../../protocol/roster.ts'
import { makeStatement } from '../../protocol/statement.ts'
import { disk } from '../../storage/disk.ts'
import { CodeCamera } from '../support/code-camera.ts'
import { codeFrom } from '../support/registrar-desk.ts'
import { startTestHub, type TestHub } from '../support/test-hub.ts'

let at: TestHub
beforeAll(async () => {
  at = await startTestHub()
})
afterAll(() => at?.close())

let folders = 0
const newFolder = () => join(at.folder, `home-${folders++}`)
const address = () => ({ url: at.hub.url, caId: at.hub.caId })
const common = { disk, passphrase: 'of a test', memberName: 'Owner', workFactor: 10 } as const

async function found(): Promise<{ home: Household; root: Signer; words: string }> {
  let words = ''
  const home = await foundHousehold({
    ...{ ...common, folder: newFolder(), hub: address(), suite: 'hybrid', name: 'Home' },
    code: await at.hub.registrationCode(),
    showWords: shown => {
      words = shown
    },
  })
  return { home, root: await home.unlockRoot(common.passphrase), words }
}

async function recover(words: string, more: Partial<Recovery> = {}) {
  let next = ''
  const recovered = await recoverHousehold({
    ...{ ...common, folder: newFolder(), hub: address(), words, keep: 'none' },
    showWords: shown => {
      next = shown
    },
    ...more,
  })
  return { ...recovered, root: await recovered.household.unlockRoot(common.passphrase), words: next }
}

async function pair(home: Household, root: Signer, camera: CodeCamera) {
  let lamp: Promise<string> | undefined
  return pairThroughLens(home, root, {
    signal: new AbortController().signal,
    async show(code) {
      const answered = camera.answer(code)
      lamp = answered.then(one => one.blinks())
      lamp.catch(() => undefined)
      return async () => undefined
    },
    confirm: async code => (await lamp) === code,
  })
}

/** Somebody else of the home, on a machine of their own. */
async function newMember(home: Household, root: Signer, name: string): Promise<Household> {
  const folder = newFolder()
  const answer = await joinHousehold(disk, folder, inviteMember(home), name)
  await addMember(home, root, answer, name)
  return Household.open(disk, folder)
}

const refresh = async (home: Household) => home.refresh((await home.enrol()).tls)

test('the words bring the household back on another machine: new root, new words, its cameras', async () => {
  const { home, root, words } = await found()
  const camera = await CodeCamera.make()
  await pair(home, root, camera)
  const fresh = await recover(words)
  expect(fresh.household.id).toBe(home.id)
  expect(fresh.root.id).not.toBe(root.id)
  expect(fresh.words).not.toBe(words)
  expect(fresh.words.split(' ')).toHaveLength(24)
  expect(fresh).toMatchObject({ kept: [], dropped: [home.member.id], resumed: false })
  expect(fresh.household.roster).toMatchObject({ generation: 1, number: 2 })
  const { tls } = await fresh.household.enrol()
  expect(await fresh.household.refreshClaims(tls)).toEqual([])
  // The claim that the earlier root signed is good for the clips that were recorded under it.
  expect((await fresh.household.claims()).map(({ deviceId, rootId }) => [deviceId, rootId])).toEqual([
    [camera.id, root.id],
  ])
  // The new root goes on: it pairs the same camera anew, and another one.
  expect(await pair(fresh.household, fresh.root, camera)).toMatchObject({ epoch: 2 })
  expect(await pair(fresh.household, fresh.root, await CodeCamera.make())).toMatchObject({ epoch: 1 })
  // On the disk it is as it is in memory.
  const again = await Household.open(disk, fresh.household.data.folder)
  expect(again.roots).toEqual([root.id, fresh.root.id])
  expect(await again.claims()).toHaveLength(3)
})

test('a stolen old root is refused from then on, and so is the machine that held it', async () => {
  const { home, root, words } = await found()
  const fresh = await recover(words)
  const members = await home.memberStatements()
  expect(await codeFrom(home.publishRoster(root, members))).toBe('hub.household')
  expect(await codeFrom(pair(home, root, await CodeCamera.make()))).toBe('hub.household')
  expect(await codeFrom(home.enrol())).toBe('enrol.member')
  // A roster of the old root, whatever its number, and even from a hub that lies.
  const { tls } = await fresh.household.enrol()
  expect(await fresh.household.refresh(tls)).toEqual([])
  const pin = { householdId: home.id, rootId: root.id }
  expect(await codeFrom(acceptRoster(pin, fresh.household.roster, home.roster.jws))).toBe('roster.generation')
})

test('a household that was recovered moves to another hub, whatever numbers the thief of the old root has used', async () => {
  const { home, root, words } = await found()
  const hubs = [{ url: 'https://thief.example', caId: at.hub.caId }]
  const number = Number.MAX_SAFE_INTEGER
  const stolen = { householdId: home.id, number, hubs, issuedAt: new Date().toISOString() }
  const move = await makeStatement(moveKind, stolen, root)
  await home.hub.request(home.id, { action: 'move', move }, root)
  const fresh = await recover(words)
  const next = await startTestHub()
  try {
    const to = { url: next.hub.url, caId: next.hub.caId }
    const code = await next.hub.registrationCode()
    expect(await moveHousehold(fresh.household, fresh.root, to, code)).toBeUndefined()
    expect((await next.hub.registrar.published(home.id)).roster).toBe(fresh.household.roster.jws)
    const published = (await at.hub.registrar.published(home.id)).move ?? ''
    const told = await readOrder(moveKind, published, { householdId: home.id, roots: [fresh.root.id] })
    expect(told.payload.hubs[0]).toEqual(to)
  } finally {
    await next.close()
  }
})

test('words count once, and only the last ones', async () => {
  const { words } = await found()
  const first = await recover(words)
  expect(await codeFrom(recover(words))).toBe('hub.household')
  const second = await recover(first.words)
  expect(second.household.roster.generation).toBe(2)
  expect(second.household.roots).toHaveLength(3)
  expect(await codeFrom(recover(words))).toBe('hub.household')
})

test('words of nobody, and what are no words, are refused, and leave nothing that counts', async () => {
  const folder = newFolder()
  expect(await codeFrom(recover(makeRecoveryWords(), { folder }))).toBe('hub.household')
  expect(await codeFrom(recover('one two three', { folder }))).toBe('home.words')
  expect(await codeFrom(Household.open(disk, folder))).toBe('home.absent')
})

test('members who stay follow by themselves, with what they held; the others are refused', async () => {
  const { home, root, words } = await found()
  const anna = await newMember(home, root, 'Anna')
  const bert = await newMember(home, root, 'Bert')
  await refresh(anna)
  const fresh = await recover(words, { keep: [anna.member.id.slice(0, 10)] })
  expect(fresh.kept).toEqual([anna.member.id])
  expect([...fresh.dropped].sort()).toEqual([home.member.id, bert.member.id].sort())
  expect(await refresh(anna)).toEqual([])
  expect(anna.rootId).toBe(fresh.root.id)
  expect(anna.roster.members.map(({ memberId }) => memberId)).toEqual([
    anna.member.id,
    fresh.household.member.id,
  ])
  expect(await codeFrom(bert.enrol())).toBe('enrol.member')
  // Whoever joins now gets the successions with the invitation.
  const carl = await newMember(fresh.household, fresh.root, 'Carl')
  expect(carl.roots).toEqual([root.id, fresh.root.id])
  expect(await refresh(carl)).toEqual([])
  const reopened = await Household.open(disk, anna.data.folder)
  expect(reopened.rootId).toBe(fresh.root.id)
})

test('who is to stay must be named well, before anything is said to the hub', async () => {
  const { home, root, words } = await found()
  expect(await codeFrom(recover(words, { keep: ['nobody-of-us'] }))).toBe('home.member')
  await home.publishRoster(root, await home.memberStatements())
  const all = await recover(words, { keep: 'all' })
  expect(all).toMatchObject({ kept: [home.member.id], dropped: [] })
})

test('the old root’s file does not pass for the root once this machine has heard of the new one', async () => {
  const { home, words } = await found()
  await recover(words, { keep: 'all' })
  expect(await refresh(home)).toEqual([])
  expect(await codeFrom(home.unlockRoot(common.passphrase))).toBe('home.root_replaced')
})

test('a folder with a household is left alone', async () => {
  const { home, words } = await found()
  expect(await codeFrom(recover(words, { folder: home.data.folder }))).toBe('home.exists')
  expect((await Household.open(disk, home.data.folder)).rootId).toBe(home.rootId)
})
