import { createHash, randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import type { Membership } from '../../agent/household.ts'
import { type ClipHead, type ClipTail, type SealedPart, seal, THUMBNAIL_MAX } from '../../agent/seal.ts'
import { manifestKind, openingKind, type RunningHash, runningHashKind } from '../../protocol/clip.ts'
import { MESSAGE_MAX, partNames, writePart } from '../../protocol/part.ts'
import { acceptRoster, sealsTo } from '../../protocol/roster.ts'
import { decrypterOf, openBytes, openStatement } from '../../protocol/sealed.ts'
import { statementHash } from '../../protocol/statement.ts'
import { type Family, makeFamily, time } from '../support/agent-family.ts'

/** A whole chunk of an age file. */
const CHUNK = 64 * 1024 + 16

let family: Family
let member: Membership
beforeAll(async () => {
  family = await makeFamily()
  member = await membershipOf(family)
})

async function membershipOf(of: Family): Promise<Membership> {
  const roster = await acceptRoster(of.pin, undefined, await of.roster({ number: 1 }))
  const envelope = { audience: 'household', epoch: 2, roster: 1 } as const
  const { householdId } = of.pin
  return {
    recipients: sealsTo(roster).recipients,
    envelope: { ...envelope, householdId, deviceId: of.device.id },
  }
}

const HEAD: ClipHead = {
  clipId: 'c'.repeat(26),
  counter: 7,
  startedAt: new Date(time()),
  clockSure: true,
  audio: false,
  trigger: 'face',
}
const TAIL: ClipTail = {
  durationMs: 8000,
  triggers: ['face'],
  end: 'event',
  faces: [{ box: [0.1, 0.2, 0.3, 0.4], score: 0.9, atMs: 1200 }],
  previous: { counter: 6, sha256: '6'.repeat(64) },
  thumbnail: randomBytes(5000),
}

interface Timed extends SealedPart {
  readonly at: number
}

/**
 * Seals pieces of video that come after so many milliseconds each. Streams read one or two pieces ahead, and time goes on
 * with what is read: a part's time is that much later than with a camera.
 */
async function sealAll(
  pieces: readonly { readonly bytes: Uint8Array; readonly afterMs: number }[],
  { tail = TAIL, sealedAs = (_hash: string) => Promise.resolve(), by = family, to = member } = {},
): Promise<readonly Timed[]> {
  let now = 0
  const video = (async function* () {
    for (const { bytes, afterMs } of pieces) {
      now += afterMs
      yield bytes
    }
  })()
  const identity = { member: to, signer: by.device, monotonic: () => now }
  const parts: Timed[] = []
  for await (const part of seal(video, HEAD, async () => tail, identity, sealedAs))
    parts.push({ ...part, at: now })
  return parts
}

const video = (parts: readonly SealedPart[]) =>
  Buffer.concat(parts.filter(({ kind }) => kind === 'video').map(({ payload }) => payload))
const identities = () => family.people[0]?.identities ?? []

async function runningHashes(parts: readonly SealedPart[]): Promise<readonly RunningHash[]> {
  const sealed = parts.filter(({ kind }) => kind === 'hash')
  const opened = sealed.map(({ payload }) =>
    openStatement(runningHashKind, payload, identities(), family.device.id),
  )
  return (await Promise.all(opened)).map(({ payload }) => payload)
}

test('opening first, manifest last, everything signed inside and nothing else', async () => {
  const bytes = randomBytes(200_000)
  const told: string[] = []
  const parts = await sealAll([{ bytes, afterMs: 0 }], {
    sealedAs: hash => Promise.resolve(void told.push(hash)),
  })
  expect(parts.map(({ name }) => name)).toEqual(['open', '0', '1', '2', '3', 'thumb', 'end'])
  const byName = (name: string) => parts.find(part => part.name === name)?.payload ?? new Uint8Array()

  const opening = await openStatement(openingKind, byName('open'), identities(), family.device.id)
  const { startedAt, ...head } = { ...HEAD, startedAt: time() }
  expect(opening.payload).toEqual({ ...member.envelope, ...head, startedAt })

  const manifest = await openStatement(manifestKind, byName('end'), identities(), family.device.id)
  const { thumbnail, ...tail } = TAIL
  const hashOf = (of: Uint8Array) => ({
    bytes: of.length,
    sha256: createHash('sha256').update(of).digest('hex'),
  })
  const { trigger, ...same } = head
  expect(manifest.payload).toEqual({
    ...member.envelope,
    ...same,
    ...tail,
    startedAt,
    video: { sealed: hashOf(video(parts)), plain: hashOf(bytes) },
    thumbnail: { sealed: hashOf(byName('thumb')), plain: hashOf(thumbnail ?? new Uint8Array()) },
  })
  expect(told).toEqual([statementHash(manifest.jws)])
  expect(Buffer.from(await openBytes(byName('thumb'), identities())).equals(thumbnail ?? Buffer.of())).toBe(
    true,
  )
  expect(parts.at(-1)?.parts).toEqual({ video: 4, hashes: 0, thumb: 1 })
})

test('however the video comes, its parts are one age file, each fits a message, and the end names them all', async () => {
  const pieces = fc.array(
    fc.record({
      size: fc.oneof(fc.integer({ min: 1, max: 300_000 }), fc.constantFrom(64 * 1024, 128 * 1024)),
      afterMs: fc.nat(3000),
    }),
    { minLength: 1, maxLength: 12 },
  )
  await fc.assert(
    fc.asyncProperty(pieces, async all => {
      const given = all.map(({ size, afterMs }) => ({ bytes: randomBytes(size), afterMs }))
      const parts = await sealAll(given)
      for (const { kind, payload, parts: counts } of parts)
        expect(writePart(kind, payload, counts).length).toBeLessThanOrEqual(MESSAGE_MAX)
      const counts = parts.at(-1)?.parts
      expect(counts && [...partNames(counts)].sort()).toEqual(parts.map(({ name }) => name).sort())
      const plain = await decrypterOf(identities()).decrypt(video(parts))
      expect(Buffer.from(plain).equals(Buffer.concat(given.map(({ bytes }) => bytes)))).toBe(true)
    }),
    { numRuns: 25 },
  )
})

test('a running hash leaves soon, then every five seconds, over whole chunks that have left before it', async () => {
  // A chunk a second, for half a minute; what was before the event comes at once.
  const piece = (afterMs: number) => ({ bytes: randomBytes(64 * 1024), afterMs })
  const pieces = [piece(0), piece(0), piece(0), ...Array.from({ length: 30 }, () => piece(1000))]
  const parts = await sealAll(pieces)
  const hashes = parts.filter(({ kind }) => kind === 'hash')
  expect(hashes[0]?.at).toBeLessThanOrEqual(3000)
  for (const [index, { at }] of hashes.entries())
    expect(at - (hashes[index - 1]?.at ?? 0)).toBeLessThanOrEqual(5000)
  expect(30_000 - (hashes.at(-1)?.at ?? 0)).toBeLessThanOrEqual(5000)

  const file = video(parts)
  const header = (parts.find(({ name }) => name === '0')?.payload.length ?? 0) - CHUNK
  for (const [index, statement] of (await runningHashes(parts)).entries()) {
    const { offset, sha256 } = statement
    expect(statement).toMatchObject({ ...member.envelope, clipId: HEAD.clipId, counter: HEAD.counter, index })
    expect(hashes[index]?.name).toBe(`h${index}`)
    expect((offset - header) % CHUNK).toBe(0)
    expect(createHash('sha256').update(file.subarray(0, offset)).digest('hex')).toBe(sha256)
    const before = parts.slice(0, parts.indexOf(hashes[index] as Timed))
    expect(offset).toBe(video(before).length)
  }
})

test('nothing waits for the end: a chunk leaves with the next one', async () => {
  const pieces = Array.from({ length: 10 }, () => ({ bytes: randomBytes(64 * 1024), afterMs: 10_000 }))
  const parts = await sealAll(pieces)
  const leaves = parts.filter(({ kind }) => kind === 'video').map(({ at }) => at)
  expect(leaves).toHaveLength(10)
  for (const [index, at] of leaves.entries()) expect(at).toBeLessThanOrEqual((index + 3) * 10_000)
})

test('sixteen members with hybrid keys, and the largest thumbnail, still fit', async () => {
  const large = await makeFamily({ suite: 'hybrid', size: 16 })
  const to = await membershipOf(large)
  const thumbnail = randomBytes(THUMBNAIL_MAX)
  const faces = Array.from({ length: 64 }, () => ({
    box: [Math.random(), Math.random(), Math.random(), Math.random()] as [number, number, number, number],
    score: Math.random(),
    atMs: 59_999,
  }))
  const pieces = [{ bytes: randomBytes(300_000), afterMs: 9000 }]
  const parts = await sealAll(pieces, { by: large, to, tail: { ...TAIL, thumbnail, faces } })
  for (const { kind, payload, parts: counts } of parts)
    expect(writePart(kind, payload, counts).length).toBeLessThanOrEqual(MESSAGE_MAX)
  for (const person of [large.people[0], large.people[15]]) {
    const opened = await openStatement(
      manifestKind,
      parts.at(-1)?.payload ?? Buffer.of(),
      person?.identities ?? [],
      large.device.id,
    )
    expect(opened.payload.faces).toHaveLength(64)
  }
})

test.each([
  ['none', undefined],
  ['one that is too large', randomBytes(THUMBNAIL_MAX + 1)],
])('a clip with no thumbnail (%s) says so', async (_name, thumbnail) => {
  const parts = await sealAll([{ bytes: randomBytes(10), afterMs: 0 }], { tail: { ...TAIL, thumbnail } })
  expect(parts.map(({ name }) => name)).toEqual(['open', '0', 'end'])
  const end = parts.at(-1)?.payload ?? Buffer.of()
  const manifest = await openStatement(manifestKind, end, identities(), family.device.id)
  expect(manifest.payload.thumbnail).toBeNull()
})

test('video that breaks off throws, and what left before it is proven', async () => {
  const broken = (async function* () {
    for (let count = 0; count < 4; count++) yield randomBytes(64 * 1024)
    throw new Error('the encoder broke')
  })()
  let now = 0
  const identity = { member, signer: family.device, monotonic: () => (now += 700) }
  const parts: SealedPart[] = []
  const reading = async () => {
    for await (const part of seal(
      broken,
      HEAD,
      async () => TAIL,
      identity,
      async () => undefined,
    ))
      parts.push(part)
  }
  await expect(reading()).rejects.toThrow('the encoder broke')
  const names = parts.map(({ name }) => name)
  expect(names.filter(name => name !== 'h0')).toEqual(['open', '0', '1', '2'])
  const before = parts.slice(0, names.indexOf('h0'))
  expect((await runningHashes(parts))[0]?.offset).toBe(video(before).length)
})

test('nobody else opens a part', async () => {
  const stranger = await makeFamily()
  const parts = await sealAll([{ bytes: randomBytes(70_000), afterMs: 9000 }])
  for (const { kind, payload } of parts) {
    if (kind === 'video') continue
    const opening = openBytes(payload, stranger.people[0]?.identities ?? [])
    await expect(opening).rejects.toMatchObject({ code: 'seal.closed' })
  }
})
