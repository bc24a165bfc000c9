import { randomBytes } from 'node:crypto'
import { cp, mkdir, readFile, rename, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { seal } from '../../agent/seal.ts'
import { fileKeyStore } from '../../hardware/key-store.ts'
import { clipsInFolder } from '../../home/clip-source.ts'
import type { Household as Home } from '../../home/household.ts'
import { makeMember, ownRecipient } from '../../home/member-keys.ts'
import { codeOf } from '../../protocol/errors.ts'
import { base32 } from '../../protocol/ids.ts'
import { makePrivateKey, type Signer, signerOf } from '../../protocol/keys.ts'
import { writePart } from '../../protocol/part.ts'
import { disk } from '../../storage/disk.ts'
import { type Publisher, startPublisher } from '../support/agent-at-hub.ts'
import { runCommand } from '../support/command.ts'
import { type HomeAtHub, homeAtHub } from '../support/home-at-hub.ts'

let at: HomeAtHub
let folder: string
let home: Home
let camera: Publisher
let device: Signer

beforeAll(async () => {
  at = await homeAtHub({ suite: 'x25519' })
  folder = at.folder
  home = at.home
  camera = await startPublisher(home, at.root, join(folder, 'camera'))
  device = await fileKeyStore(disk, join(folder, 'camera')).signer()
})
afterAll(async () => {
  await camera?.stop()
  await at?.close()
})

const store = () => join(folder, 'sealed', home.id, '1', device.id)

interface Put {
  readonly signer: Signer
  readonly clipId: string
  /** Else the household's. */
  readonly recipients: readonly string[]
}

/** Puts a clip into a folder as the hub's store lays it out. */
async function putClip(
  counter: number,
  { signer = device, clipId = base32(randomBytes(16)), recipients }: Partial<Put> = {},
): Promise<string> {
  const membership = camera.household.membership()
  const member = recipients === undefined ? membership : { ...membership, recipients }
  const head = {
    clipId,
    counter,
    startedAt: new Date(),
    clockSure: true,
    audio: false,
    trigger: 'motion',
  } as const
  const tail = {
    durationMs: 1000,
    triggers: ['motion' as const],
    end: 'event',
    faces: [],
    previous: null,
  } as const
  const video = (async function* () {
    yield randomBytes(200_000)
  })()
  const at = join(store(), clipId)
  await mkdir(at, { recursive: true })
  const identity = { member, signer, monotonic: () => performance.now() }
  const rest = async () => ({ ...tail, triggers: [...tail.triggers], faces: [], thumbnail: randomBytes(500) })
  for await (const part of seal(video, head, rest, identity, async () => undefined))
    await writeFile(join(at, part.name), writePart(part.kind, part.payload, part.parts))
  return clipId
}

async function flip(path: string): Promise<void> {
  const bytes = await readFile(path)
  bytes[bytes.length - 40] = (bytes.at(-40) ?? 0) ^ 1
  await writeFile(path, bytes)
}

/** A part whose frame is right and whose sealed bytes are not. */
async function flipSealed(path: string, kind: 'video' | 'open'): Promise<void> {
  const bytes = await readFile(path)
  const payload = Uint8Array.from(bytes.subarray(bytes.indexOf(10) + 1))
  payload[payload.length - 40] = (payload.at(-40) ?? 0) ^ 1
  await writeFile(path, writePart(kind, payload))
}

test('good and bad clips side by side: the bad are refused by code and counted, the good open', async () => {
  const good = [await putClip(1), await putClip(2)]
  const bad = new Map<string, string>()
  const spoil = async (counter: number, code: string, how: (at: string) => Promise<unknown>) => {
    const clipId = await putClip(counter)
    await how(join(store(), clipId))
    bad.set(clipId, code)
  }
  await spoil(3, 'part.frame', at => truncate(join(at, '1'), 5000))
  await spoil(4, 'part.hash', at => flip(join(at, '0')))
  await spoil(5, 'clip.hash', at => flipSealed(join(at, '1'), 'video'))
  await spoil(6, 'seal.damaged', at => flipSealed(join(at, 'open'), 'open'))
  await spoil(7, 'clip.hash', async at => {
    // Reordered.
    await rename(join(at, '0'), join(at, 'x'))
    await rename(join(at, '1'), join(at, '0'))
    await rename(join(at, 'x'), join(at, '1'))
  })
  await spoil(8, 'clip.incomplete', async at => rename(join(at, '1'), join(folder, 'taken')))
  await spoil(9, 'clip.frames', async at => cp(join(at, 'end'), join(at, 'thumb')))
  // Another clip's manifest under this clip's opening.
  await spoil(10, 'clip.envelope', async at => cp(join(store(), good[0] ?? '', 'end'), join(at, 'end')))
  // Re-signed by a key that was never claimed.
  bad.set(await putClip(11, { signer: signerOf(makePrivateKey()) }), 'statement.signer')
  // The number of a clip that was there before.
  const again = await putClip(1, { clipId: `${'7'.repeat(25)}a` })
  bad.set(again, 'clip.counter')
  // Replayed under another name.
  const replayed = base32(randomBytes(16))
  await cp(join(store(), good[1] ?? ''), join(store(), replayed), { recursive: true })
  bad.set(replayed, 'clip.envelope')
  // A camera of somebody else's.
  const stranger = base32(randomBytes(16))
  const elsewhere = signerOf(makePrivateKey()).id
  await cp(join(store(), good[1] ?? ''), join(folder, 'sealed', home.id, '1', elsewhere, stranger), {
    recursive: true,
  })
  bad.set(stranger, 'clip.claim')

  const from = ['--from', join(folder, 'sealed'), '--data', join(folder, 'home')]
  // The good ones first, so that theirs are the numbers that count.
  const first = await runCommand(['home', 'open', ...good, ...from, '--out', join(folder, 'out'), '--json'])
  expect(first.code).toBe(0)
  const { code, output } = await runCommand(['home', 'open', ...from, '--out', join(folder, 'out'), '--json'])
  expect(code).toBe(1)
  const told = JSON.parse(output)
  expect(told.opened.map((clip: { clipId: string }) => clip.clipId).sort()).toEqual([...good].sort())
  const refused = told.refused.map((one: { clipId: string; code: string }) => [one.clipId, one.code])
  expect(new Map(refused)).toEqual(bad)
  expect(told.refused).toHaveLength(bad.size)

  const listed = await runCommand(['home', 'list', ...from])
  expect(listed.code).toBe(1)
  for (const clipId of good) expect(listed.output).toContain(clipId)
  for (const heads of ['seal.damaged', 'clip.incomplete', 'clip.envelope', 'statement.signer', 'clip.claim'])
    expect(listed.output).toContain(heads)
  expect(listed.output).toMatch(/^\d+ refused\.$/m)
  expect((await clipsInFolder(disk, join(folder, 'sealed'), home.id)).length).toBe(good.length + bad.size)
})

test('a clip for others is one line beside what opens; asked for by its id it is refused', async () => {
  const closed = await putClip(12, { recipients: [await ownRecipient(await makeMember('x25519'))] })
  const mine = await putClip(13)
  const lone = join(folder, 'lone')
  for (const clipId of [closed, mine])
    await cp(join(store(), clipId), join(lone, home.id, '1', device.id, clipId), { recursive: true })
  const from = ['--from', lone, '--data', join(folder, 'home')]
  const out = ['--out', join(folder, 'lone-out')]
  const all = await runCommand(['home', 'open', ...from, ...out])
  expect(all.output).toContain('1 clip is sealed to others')
  expect(all.output).toContain(mine)
  expect(all.output).not.toContain(closed)
  expect(all.code).toBe(0)
  const listed = await runCommand(['home', 'list', ...from])
  expect(listed.output).toContain('1 clip is sealed to others')
  expect(listed.code).toBe(0)
  const one = await runCommand(['home', 'open', closed, ...from, ...out])
  expect(one.output).toMatch(new RegExp(`${closed} refused: .*seal\\.closed`))
  expect(one.code).toBe(1)
})

test('an old or foreign roster and a foreign claim from the hub stop nothing, and are told', async () => {
  const { tls } = await home.enrol()
  expect(await home.refresh(tls)).toEqual([])
  expect(await home.refreshClaims(tls)).toEqual([])
  // A hub that answers with what another household's root signed.
  const { householdId, ...other } = { householdId: home.id, ...(await strangersAnswers()) }
  expect(householdId).toBe(home.id)
  const liar = new Proxy(home.hub, {
    get: (hubClient, name) =>
      name === 'getJson'
        ? async (path: string) => (path.endsWith('/roster') ? other.roster : other.claims)
        : Reflect.get(hubClient, name, hubClient),
  })
  Object.defineProperty(home, 'hub', { get: () => liar, configurable: true })
  expect((await home.refresh(tls)).map(({ kind, error }) => [kind, error.code])).toEqual([
    ['roster', 'roster.household'],
  ])
  expect((await home.refreshClaims(tls)).map(codeOf)).toEqual(['statement.signer', 'statement.kind'])
  expect(home.roster.number).toBe(1)
})

async function strangersAnswers(): Promise<{ roster: object; claims: object }> {
  const { makeFamily } = await import('../support/agent-family.ts')
  const family = await makeFamily()
  return {
    roster: {
      roster: await family.roster({ number: 9, after: await family.roster({ number: 1 }) }),
      successions: [],
      move: null,
    },
    claims: { claims: [await family.claim(1), 'nothing'] },
  }
}
