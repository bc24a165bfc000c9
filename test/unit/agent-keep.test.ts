import { randomBytes } from 'node:crypto'
import { lstat, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Household } from '../../agent/household.ts'
import { Keeper } from '../../agent/keep.ts'
import { type LostClips, Outbox } from '../../agent/outbox.ts'
import type { OutboxItem } from '../../agent/outbox-files.ts'
import { Sequence } from '../../agent/sequence.ts'
import type { Encoder } from '../../hardware/hardware.ts'
import { checkHead } from '../../home/clip-check.ts'
import type { SealedClip } from '../../home/clip-source.ts'
import { Ledger } from '../../home/ledger.ts'
import { openClip } from '../../home/open-clip.ts'
import { type Alert, alertKind } from '../../protocol/messages.ts'
import { openStatement } from '../../protocol/sealed.ts'
import { type Disk, disk } from '../../storage/disk.ts'
import { type Family, makeFamily, newNonce } from '../support/agent-family.ts'
import { CLOCK, FACE, PICTURE, passingEncoder, Scene } from '../support/agent-scene.ts'
import { temporaryFolder } from '../support/places.ts'
import { codeFrom } from '../support/registrar-desk.ts'

let data: string
let remove: () => Promise<void>
let family: Family
let household: Household
let outbox: Outbox
let lost: LostClips[]

beforeEach(async () => {
  const made = await temporaryFolder()
  data = made.path
  remove = made.remove
  family = await makeFamily()
  household = await family.joined(disk, data)
  lost = []
  outbox = await Outbox.open(disk, data, { maxBytes: 2 ** 30, lost: async clip => void lost.push(clip) })
})
afterEach(() => remove())

interface Play {
  readonly encoder?: Encoder
  /** What the numbers of clips are written on. */
  readonly numbersOn?: Disk
  readonly during?: (clip: number) => Promise<void>
}

/** Plays a scene to its end and keeps what comes of it. */
async function play(act: (scene: Scene) => Promise<void>, options: Play = {}): Promise<readonly object[]> {
  const logged: object[] = []
  const log = pino({ level: 'info' }, { write: (line: string) => void logged.push(JSON.parse(line)) })
  const sequence = await Sequence.open(options.numbersOn ?? disk, data, 1)
  const { encoder = passingEncoder() } = options
  const parts = {
    encoder,
    clock: CLOCK,
    household,
    signer: family.device,
    outbox,
    sequence,
    boot: newNonce(),
    log,
  }
  const keeper = new Keeper(parts, { signal: new AbortController().signal })
  const scene = new Scene()
  const acting = act(scene).finally(() => scene.end())
  let clips = 0
  for await (const clip of scene.clips) {
    await keeper.keep(clip)
    await options.during?.(++clips)
  }
  await acting
  await keeper.done()
  return logged
}

function waiting(): readonly OutboxItem[] {
  const seen = new Set<OutboxItem>()
  for (let item = outbox.next(seen); item !== undefined; item = outbox.next(seen)) seen.add(item)
  return [...seen]
}

/** The clips in the outbox as the store would hand them out, in the order of their numbers. */
function sealedClips(): readonly (SealedClip & { readonly counter: number })[] {
  const clips = new Map<string, OutboxItem[]>()
  for (const item of waiting())
    if (item.kind === 'part') clips.set(item.clip.clipId, [...(clips.get(item.clip.clipId) ?? []), item])
  return [...clips.values()].map(items => {
    const parts = items.flatMap(item => (item.kind === 'part' ? [item.part] : []))
    const [first] = items
    if (first?.kind !== 'part') throw new Error('no part')
    const { epoch, counter, clipId } = first.clip
    const read = async (name: string) => {
      const item = items.find(other => other.kind === 'part' && other.part === name)
      return (item && (await outbox.read(item))) ?? new Uint8Array()
    }
    return { epoch, deviceId: family.device.id, clipId, parts, bytes: 0, read, counter }
  })
}

async function alerts(): Promise<readonly Alert[]> {
  const identities = family.people[0]?.identities ?? []
  const sealed = await Promise.all(
    waiting().flatMap(item => (item.kind === 'alert' ? [outbox.read(item)] : [])),
  )
  const opened = sealed.map(bytes =>
    openStatement(alertKind, bytes ?? Buffer.of(), identities, family.device.id),
  )
  return (await Promise.all(opened)).map(({ payload }) => payload)
}

const identities = () => family.people[0]?.identities ?? []
const heads = () =>
  Promise.all(sealedClips().map(clip => checkHead(clip, [household.claim], identities(), [])))

const visits =
  (count: number, faces = [FACE]) =>
  async (scene: Scene) => {
    for (let visit = 0; visit < count; visit++) {
      await scene.visit(4, faces)
      await scene.pause(8)
    }
  }

test('clips that overlap are finished in the order of their numbers, and the home opens each', async () => {
  // The first is the slowest: the third is encoded long before it.
  const encoder = passingEncoder({ slowMs: clip => [0, 60, 20, 0, 5][clip] ?? 0 })
  await play(visits(4), { encoder })
  const ledger = await Ledger.open(disk, data)
  const out = join(data, 'opened')
  await mkdir(out)
  let previous: { counter: number; sha256: string } | null = null
  const clips = sealedClips()
  expect(clips.map(({ counter }) => counter)).toEqual([1, 2, 3, 4])
  for (const clip of clips) {
    const { end } = await checkHead(clip, [household.claim], identities(), [])
    expect(end?.manifest.previous).toEqual(previous)
    previous = { counter: clip.counter, sha256: end?.sha256 ?? '' }
    const opened = await openClip(clip, {
      claims: [household.claim],
      blocked: [],
      identities: identities(),
      ledger,
      out,
    })
    expect([opened.counter, opened.cutShort, opened.faces.length]).toEqual([clip.counter, false, 1])
    expect(opened.thumbnail && (await readFile(opened.thumbnail)).equals(PICTURE)).toBe(true)
  }
  const began = (await heads()).map(({ opening }) => Date.parse(opening.startedAt))
  // Visits come every three seconds; there is nothing before the first.
  expect(began.map(at => at - (began[0] ?? 0))).toEqual([0, 2500, 5500, 8500])
})

test('of a camera that the home has blocked, clips open that were begun before, and no later one', async () => {
  await play(visits(3))
  const began = (await heads()).map(({ opening }) => opening.startedAt)
  const { deviceId, epoch } = household.claim
  const blocked = [{ deviceId, epoch, since: began[1] ?? '' }]
  const codes = sealedClips().map(clip => codeFrom(checkHead(clip, [household.claim], identities(), blocked)))
  expect(await Promise.all(codes)).toEqual([undefined, 'clip.blocked', 'clip.blocked'])
})

test('opening a clip follows no link that somebody laid into the folder', async () => {
  await play(visits(1))
  const [clip, opening] = [sealedClips()[0], (await heads())[0]?.opening]
  if (clip === undefined || opening === undefined) throw new Error('no clip')
  const [out, mine] = [join(data, 'opened'), join(data, 'mine')]
  await mkdir(out)
  await writeFile(mine, 'as it was')
  const base = join(out, `${opening.startedAt.replace(/[:.]/g, '-')}-${clip.clipId}`)
  for (const end of ['.age.part', '.mp4.part', '.jpg.part', '.mp4', '.jpg']) await symlink(mine, base + end)
  const ledger = await Ledger.open(disk, data)
  const { file } = await openClip(clip, {
    claims: [household.claim],
    blocked: [],
    identities: identities(),
    ledger,
    out,
  })
  expect(await readFile(mine, 'utf8')).toBe('as it was')
  expect((await lstat(file)).isFile()).toBe(true)
})

test('a clip whose encoder breaks is cut short; those beside it are whole, and the chain goes past it', async () => {
  const logged = await play(visits(3), {
    encoder: passingEncoder({ breaks: clip => clip === 2, slowMs: clip => (clip === 1 ? 60 : 0) }),
  })
  const [first, second, third] = await heads()
  expect(second?.end).toBeNull()
  expect(third?.end?.manifest.previous).toEqual({ counter: 1, sha256: first?.end?.sha256 })
  expect(logged).toContainEqual(expect.objectContaining({ msg: 'clip cut short', counter: 2 }))
  // It opens as far as it is proven: nothing to tell as lost.
  expect(lost).toEqual([])
})

test('a clip that gets no number is not kept; the next ones are', async () => {
  let failed = false
  const numbersOn: Disk = {
    ...disk,
    async write(path, bytes, mode) {
      const second = String(Buffer.from(bytes)).includes('"next":3')
      if (!second || failed) return disk.write(path, bytes, mode)
      failed = true
      throw new Error('full')
    },
  }
  const logged = await play(visits(3), { numbersOn })
  expect(sealedClips().map(({ counter }) => counter)).toEqual([1, 3])
  expect(logged).toContainEqual(expect.objectContaining({ msg: 'clip not kept: it has no number' }))
  const [first, third] = await heads()
  expect(third?.end?.manifest.previous).toEqual({ counter: 1, sha256: first?.end?.sha256 })
})

test('a clip without a picture is kept', async () => {
  const still = () => Promise.reject(new Error('no picture'))
  await play(visits(1), { encoder: passingEncoder({ still }) })
  const [head] = await heads()
  expect(head?.end?.manifest.thumbnail).toBeNull()
  expect((await alerts())[0]?.thumbnail).toBeNull()
})

test('pictures are made smaller until they fit', async () => {
  const asked: number[] = []
  const still: Encoder['still'] = async (_session, _fragments, { longSide }) => {
    asked.push(longSide)
    return longSide > 400 ? randomBytes(200_000) : PICTURE
  }
  await play(visits(1), { encoder: passingEncoder({ still }) })
  expect(asked.toSorted((a, b) => a - b)).toEqual([320, 320, 480, 640, 960])
  expect((await heads())[0]?.end?.manifest.thumbnail?.plain.bytes).toBe(PICTURE.length)
  expect((await alerts())[0]?.thumbnail).toBe(PICTURE.toString('base64'))
})

test('a face rings once for its event, also when the clip is split; motion rings nobody', async () => {
  await play(async scene => {
    await scene.visit(60)
    await scene.pause(8)
    await scene.visit(8, [])
    await scene.pause(8)
  })
  const clips = await heads()
  expect(clips.map(({ end }) => end?.manifest.end)).toEqual(['split', 'event', 'event'])
  const [alert, ...more] = await alerts()
  expect(more).toEqual([])
  expect(alert).toMatchObject({ faces: 1, counter: 1, clipId: clips[0]?.opening.clipId, names: [] })
  expect(alert?.at).toBe(new Date(CLOCK.now()).toISOString())
})

test('the roster of a clip is the one of its opening, from its first part to its last', async () => {
  const first = JSON.parse(await readFile(join(data, 'household.json'), 'utf8')).roster
  const newcomer = await family.newPerson()
  const people = [newcomer]
  const second = await family.roster({ number: 2, after: first, people })
  await play(visits(2), {
    during: async clip => {
      if (clip === 1) await household.takeRoster(second, [])
    },
  })
  const [before, after] = sealedClips()
  if (before === undefined || after === undefined) throw new Error('two clips are wanted')
  const left = await checkHead(before, [household.claim], identities(), [])
  expect(left.end?.manifest.roster).toBe(1)
  await expect(checkHead(after, [household.claim], identities(), [])).rejects.toMatchObject({
    code: 'seal.closed',
  })
  const came = await checkHead(after, [household.claim], newcomer.identities, [])
  expect(came.end?.manifest.roster).toBe(2)
})
