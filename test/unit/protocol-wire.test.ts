import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { Fmp4Splitter } from '../../protocol/fmp4.ts'
import { base32 } from '../../protocol/ids.ts'
import { INVITATION_MAX, readInvitation, writeInvitation } from '../../protocol/invitation.ts'
import { gapKind, statusKind } from '../../protocol/messages.ts'
import { kindOfPart, MESSAGE_MAX, PART_MAX, partNames, readPart, writePart } from '../../protocol/part.ts'
import { certificateUri, readCertificateUri } from '../../protocol/registrar.ts'
import { openStatement, sealBytes, sealStatement } from '../../protocol/sealed.ts'
import { makeStatement } from '../../protocol/statement.ts'
import { readTopic, type Topic, writeTopic } from '../../protocol/topics.ts'
import { codeOfCall, newPerson, newSigner, type Person } from '../support/people.ts'

const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const anyId = bytesOf(32).map(base32)
const anyNonce = bytesOf(16).map(base32)
const anyEpoch = fc.integer({ min: 1, max: 0xffffffff })

describe('topics and certificate names', () => {
  const address = fc.record({ householdId: anyId, epoch: anyEpoch, deviceId: anyId })
  const rest = fc.oneof(
    fc.record({
      kind: fc.constant('clip' as const),
      clipId: anyNonce,
      part: fc.constantFrom('open', 'thumb', 'end', '0', '17', 'h0', 'h12'),
    }),
    fc.record({ kind: fc.constantFrom('alert', 'status', 'gap', 'command', 'people', 'ack') }),
    fc.record({ kind: fc.constant('live' as const), session: anyNonce }),
  )

  test('are read as they were written', () => {
    fc.assert(
      fc.property(address, rest, (where, what) => {
        const topic = { ...where, ...what } as Topic
        expect(readTopic(writeTopic(topic))).toEqual(topic)
        const device = {
          kind: 'device',
          householdId: where.householdId,
          epoch: where.epoch,
          id: where.deviceId,
        } as const
        expect(readCertificateUri(certificateUri(device))).toEqual(device)
      }),
    )
  })

  test('nothing else is read', () => {
    const good = `ownlens/1/${'a'.repeat(52)}/1/${'b'.repeat(51)}a`
    expect(readTopic(`${good}/status`)).toBeDefined()
    for (const bad of [
      good,
      `${good}/`,
      `/${good}/status`,
      `${good}/status/x`,
      `${good}/#`,
      `${good}/+`,
      good.replace('/1/b', '/0/b').concat('/status'),
      good.replace('/1/b', '/01/b').concat('/status'),
      good.replace('/1/b', '/4294967296/b').concat('/status'),
      // Ids whose last character has stray bits.
      `${good.slice(0, -1)}b/status`,
      good.replace('aa/1', 'ac/1').concat('/status'),
      good.replace('ownlens/1', 'ownlens/2').concat('/status'),
      `${good.toUpperCase()}/status`,
      `${good}/clip/${'a'.repeat(26)}/00`,
      `${good}/clip/../../end`,
      `${good}/status\n`,
    ])
      expect(readTopic(bad), bad).toBeUndefined()
    fc.assert(fc.property(fc.string({ unit: 'binary' }), text => readTopic(text) === undefined))
    const name = { kind: 'device', householdId: 'a'.repeat(52), epoch: 1, id: 'q'.repeat(52) } as const
    const uri = certificateUri(name)
    expect(readCertificateUri(uri)).toEqual(name)
    for (const bad of [
      uri.replace(':1:', ':0:'),
      uri.replace(':1:', ':01:'),
      uri.replace(':1:', ':4294967296:'),
      uri.replace(/q$/, 'r'),
      uri.replace('device', 'hub'),
      `${uri}:`,
      ` ${uri}`,
    ])
      expect(readCertificateUri(bad), bad).toBeUndefined()
  })
})

describe('parts', () => {
  test('are read as they were written, and any change is refused', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 300 }),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (payload, at, by) => {
          const message = writePart('video', payload)
          expect(Buffer.from(readPart(message).payload)).toEqual(Buffer.from(payload))
          const changed = Uint8Array.from(message)
          const index = at % changed.length
          changed[index] = (changed[index] ?? 0) ^ by
          let outcome: unknown
          try {
            outcome = readPart(changed)
          } catch (error) {
            expect((error as { code: string }).code).toMatch(/^part\./)
            return
          }
          // A letter of the kind may become another kind's: the name of the part decides (PROTOCOL 6.8, 2).
          expect(outcome).not.toMatchObject({ kind: 'video' })
        },
      ),
    )
  })

  test('have room for the largest payload, and not for one byte more', async () => {
    const largest = writePart('end', randomBytes(PART_MAX), { video: 100000, hashes: 100000, thumb: 1 })
    expect(largest.length).toBeLessThanOrEqual(MESSAGE_MAX)
    expect(await codeOfCall(() => writePart('video', randomBytes(PART_MAX + 1)))).toBe('part.size')
    expect(await codeOfCall(() => readPart(randomBytes(MESSAGE_MAX + 1)))).toBe('part.size')
    expect(await codeOfCall(() => readPart(Buffer.from('no frame at all')))).toBe('part.frame')
  })

  test('names and kinds fit', () => {
    const names = partNames({ video: 2, hashes: 1, thumb: 1 })
    expect(names).toEqual(['open', '0', '1', 'h0', 'thumb', 'end'])
    expect(names.map(kindOfPart)).toEqual(['open', 'video', 'video', 'hash', 'thumb', 'end'])
  })
})

test('an invitation is read as it was written and fits a code that webcams read', () => {
  const hosts = fc.constantFrom('192.168.178.20', 'hub.local', 'h.example', '[fd00::1]')
  fc.assert(
    fc.property(
      anyId,
      bytesOf(16),
      anyId,
      hosts,
      fc.integer({ min: 1, max: 65535 }),
      (rootId, secret, caId, host, port) => {
        const hubUrl = new URL(`https://${host}:${port}`).origin
        const text = writeInvitation({ rootId, secret, caId, hubUrl })
        expect(text.length).toBeLessThanOrEqual(INVITATION_MAX)
        // QR's alphanumeric mode.
        expect(text).toMatch(/^[0-9A-Z $%*+./:-]+$/)
        const read = readInvitation(text)
        expect({ ...read, secret: Buffer.from(read.secret) }).toEqual({
          rootId,
          secret: Buffer.from(secret),
          caId,
          hubUrl,
        })
      },
    ),
  )
  const anywhere = { rootId: 'a'.repeat(52), secret: new Uint8Array(16), caId: 'q'.repeat(52) }
  for (const [hubUrl, code] of [
    ['https://raspberrypi.fritz.box.example:8443', 'invitation.size'],
    ['https://my_hub:8443', 'invitation.host'],
  ] as const)
    expect(() => writeInvitation({ ...anywhere, hubUrl })).toThrow(expect.objectContaining({ code }))
  const good = writeInvitation({ ...anywhere, hubUrl: 'https://kitchen:8443' })
  for (const bad of [
    good.toLowerCase(),
    // The Kelvin sign becomes a k in lower case.
    good.replace('KITCHEN', '\u212aITCHEN'),
    good.replace('KITCHEN', 'ME@KITCHEN'),
    good.replace(':8443', ':08443'),
    good.replace(':8443', ''),
    good.replace('OL1', 'OL2'),
    good.replace('A', ''),
  ])
    expect(() => readInvitation(bad), bad).toThrow(expect.objectContaining({ code: 'invitation.form' }))
  fc.assert(
    fc.property(fc.string(), text => {
      expect(() => readInvitation(text)).toThrow(
        expect.objectContaining({ code: expect.stringMatching(/^invitation\./) }),
      )
    }),
  )
})

test('boxes come out of the splitter in the same way however the bytes arrive', () => {
  const box = (type: string, body: Uint8Array) => {
    const head = Buffer.alloc(8)
    head.writeUInt32BE(body.length + 8)
    head.write(type, 4, 'latin1')
    return Buffer.concat([head, body])
  }
  const file = Buffer.concat([
    box('ftyp', randomBytes(16)),
    box('moov', randomBytes(90)),
    ...[1, 2, 3].flatMap(() => [box('moof', randomBytes(40)), box('mdat', randomBytes(500))]),
  ])
  const split = (pieces: readonly Uint8Array[]) => {
    const splitter = new Fmp4Splitter()
    return pieces.flatMap(piece =>
      [...splitter.push(piece)].map(({ kind, data }) => ({ kind, data: Buffer.from(data) })),
    )
  }
  const whole = split([file])
  expect(whole.map(({ kind }) => kind)).toEqual(['init', 'fragment', 'fragment', 'fragment'])
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1 }), lengths => {
      const pieces: Uint8Array[] = []
      for (let at = 0, turn = 0; at < file.length; turn++) {
        const length = lengths[turn % lengths.length] ?? 1
        pieces.push(file.subarray(at, at + length))
        at += length
      }
      expect(split(pieces)).toEqual(whole)
    }),
  )
})

test('the splitter refuses what is no fragmented MP4 by its code, whatever it is fed', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 64 })), pieces => {
      const splitter = new Fmp4Splitter()
      try {
        for (const piece of pieces) splitter.push(piece)
      } catch (error) {
        expect(error).toMatchObject({ code: 'fmp4.malformed' })
      }
    }),
  )
})

describe('seals', () => {
  let anna: Person
  let ben: Person
  beforeAll(async () => {
    anna = await newPerson('hybrid')
    ben = await newPerson('x25519')
  })
  const device = newSigner()
  const gap = (from: number) =>
    ({
      ...{
        audience: 'household' as const,
        householdId: device.id,
        deviceId: device.id,
        epoch: 1,
        roster: 1,
        counter: 1,
      },
      ...{ boot: 'a'.repeat(26), at: '2026-11-24T12:00:00.000Z', from, to: from, cause: 'disk' },
    }) as const

  test('open for whom they were made, say who wrote, and tell little by their length', async () => {
    const sizes = new Set<number>()
    for (const from of [1, 1234567890]) {
      const sealed = await sealStatement(gapKind, gap(from), device, [ben.recipients.x25519])
      sizes.add(sealed.length)
      expect((await openStatement(gapKind, sealed, ben.identities, device.id)).payload.from).toBe(from)
      expect(await codeOfCall(() => openStatement(gapKind, sealed, anna.identities, device.id))).toBe(
        'seal.closed',
      )
      expect(await codeOfCall(() => openStatement(gapKind, sealed, ben.identities, newSigner().id))).toBe(
        'statement.signer',
      )
    }
    expect(sizes.size).toBe(1)
  })

  test('any byte changed is refused by a code of ours', async () => {
    const sealed = await sealStatement(gapKind, gap(1), device, [ben.recipients.x25519])
    await fc.assert(
      fc.asyncProperty(fc.nat(sealed.length - 1), async at => {
        const changed = Uint8Array.from(sealed)
        changed[at] = (changed[at] ?? 0) ^ 1
        expect(await codeOfCall(() => openStatement(gapKind, changed, ben.identities, device.id))).toMatch(
          /^seal\./,
        )
        const short = sealed.subarray(0, at)
        expect(await codeOfCall(() => openStatement(gapKind, short, ben.identities, device.id))).toMatch(
          /^seal\./,
        )
      }),
      { numRuns: 60 },
    )
  })

  test('carry a statement padded with spaces, and nothing else around it', async () => {
    const jws = await makeStatement(gapKind, gap(1), device)
    const open = async (text: string) => {
      const sealed = await sealBytes(Buffer.from(text), [ben.recipients.x25519])
      return codeOfCall(() => openStatement(gapKind, sealed, ben.identities, device.id))
    }
    expect(await open(jws)).toBe('ok')
    expect(await open(`${jws}   `)).toBe('ok')
    for (const text of [`${jws}\n`, `${jws}\u00a0`, ` ${jws}`, `\ufeff${jws}`, '', ' '.repeat(2048)])
      expect(await open(text)).toMatch(/^statement\./)
  })

  test('never carry text that writes elsewhere on a terminal, nor a gap that ends before it begins', async () => {
    const { from, to, cause, ...rest } = gap(1)
    const status = (name: string) => ({
      ...rest,
      ...{ clockSure: true, name, version: '1', camera: 'ok' as const, fault: null, microphone: false },
      ...{ outbox: { clips: 0, bytes: 0 }, refused: {}, log: null },
    })
    for (const name of ['Küche', '厨房', '👩‍👧 Flur', ''])
      expect(await codeOfCall(() => makeStatement(statusKind, status(name), device))).toBe('ok')
    for (const name of ['\u001b[2J', 'a\nb', '\u202eruh', '\ud800', '\u2028', '\u0000'])
      expect(await codeOfCall(() => makeStatement(statusKind, status(name), device))).toBe('statement.form')
    expect(await codeOfCall(() => makeStatement(gapKind, { ...rest, from: 2, to: 1, cause }, device))).toBe(
      'statement.form',
    )
  })

  test('are never made for a mixture of suites, nor for nobody', async () => {
    const hybrid = anna.recipients.hybrid ?? ''
    expect(await codeOfCall(() => sealBytes(Buffer.from('x'), [hybrid, ben.recipients.x25519]))).toBe(
      'seal.recipients',
    )
    expect(await codeOfCall(() => sealBytes(Buffer.from('x'), []))).toBe('seal.recipients')
  })
})
