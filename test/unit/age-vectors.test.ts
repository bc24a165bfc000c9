import { createHash } from 'node:crypto'
import { inflateSync } from 'node:zlib'
import * as vectors from 'cctv-age'
import { describe, expect, test } from 'vitest'
import { codeOf } from '../../protocol/errors.ts'
import { decrypterOf, openBytes } from '../../protocol/sealed.ts'

/** A published vector of age (C2SP CCTV): a header of `key: value` lines, an empty line, and an age file. */
interface Vector {
  readonly name: string
  readonly expect: string
  /** SHA-256 of what is sealed, or of what may be given out before the fault is met. */
  readonly payload: string | undefined
  readonly identities: readonly string[]
  readonly isArmored: boolean
  readonly hasPassphrase: boolean
  readonly file: Uint8Array
}

const all = Object.entries(vectors as unknown as Record<string, Uint8Array>).map(([name, bytes]) =>
  read(name, Buffer.from(bytes)),
)
/** What is never sealed here: armor, passphrases on clips. */
const foreign = all.filter(({ isArmored, hasPassphrase }) => isArmored || hasPassphrase)
const ours = all.filter(vector => !foreign.includes(vector))

function read(name: string, bytes: Buffer): Vector {
  const end = bytes.indexOf('\n\n')
  const lines = bytes.subarray(0, end).toString().split('\n')
  const values = (key: string) =>
    lines.filter(line => line.startsWith(`${key}: `)).map(line => line.slice(key.length + 2))
  const rest = bytes.subarray(end + 2)
  return {
    name,
    expect: values('expect')[0] ?? '',
    payload: values('payload')[0],
    identities: values('identity'),
    isArmored: values('armored')[0] === 'yes',
    hasPassphrase: values('passphrase').length > 0,
    file: values('compressed')[0] === 'zlib' ? inflateSync(rest) : rest,
  }
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

describe('age’s published vectors', () => {
  test('are there: X25519 and hybrid ones are run, armor and passphrases are not ours', () => {
    expect(ours.length).toBeGreaterThan(60)
    expect(foreign.length).toBeGreaterThan(40)
    expect(ours.filter(({ expect: outcome }) => outcome === 'success').length).toBeGreaterThan(10)
    expect(
      ours.filter(({ identities }) => identities.some(one => one.startsWith('AGE-SECRET-KEY-PQ-'))).length,
    ).toBeGreaterThan(10)
  })

  for (const vector of ours)
    test(`${vector.name}: ${vector.expect}`, async () => {
      const opened = await openBytes(vector.file, vector.identities).then(
        bytes => ({ bytes, code: undefined }),
        error => ({ bytes: undefined, code: codeOf(error) }),
      )
      if (vector.expect === 'success') {
        expect(opened.code).toBeUndefined()
        expect(sha256(opened.bytes ?? new Uint8Array())).toBe(vector.payload)
      } else expect(opened.code).toMatch(/^seal\.(closed|damaged)$/)
    })

  test('opened piece by piece, no vector gives out a byte that age would not have', async () => {
    for (const { name, file, identities, payload, expect: outcome } of ours) {
      const given: Uint8Array[] = []
      try {
        const stream = new ReadableStream<Uint8Array>({
          start(controller) {
            for (let at = 0; at < file.length; at += 1000) controller.enqueue(file.subarray(at, at + 1000))
            controller.close()
          },
        })
        const opened = await decrypterOf(identities).decrypt(stream)
        for await (const piece of opened as unknown as AsyncIterable<Uint8Array>) given.push(piece)
        expect(outcome, name).toBe('success')
      } catch {
        expect(outcome, name).not.toBe('success')
      }
      const bytes = Buffer.concat(given)
      if (outcome === 'success') expect(sha256(bytes), name).toBe(payload)
      else if (outcome !== 'payload failure') expect(bytes.length, name).toBe(0)
    }
  })

  test('armored files, and such under a passphrase, are refused as what they are here: no seals', async () => {
    for (const { name, file, identities } of foreign.filter(({ isArmored }) => isArmored)) {
      const code = await openBytes(file, identities.length > 0 ? identities : [A_KEY]).then(
        () => 'opened',
        error => codeOf(error),
      )
      expect(code, name).toMatch(/^seal\.(closed|damaged)$/)
    }
  })
})

const A_KEY = 'AGE-SECRET-KEY-1XMWWC06LY3EE5RYTXM9MFLAZ2U56JJJ36S0MYPDRWSVLUL66MV4QX3S7F6'
