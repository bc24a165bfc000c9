import { execFileSync } from 'node:child_process'
import { createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Authority } from '../../deploy/hub/authority.ts'
import { serialOf } from '../../deploy/hub/certificates.ts'
import type { CertificateName } from '../../protocol/registrar.ts'
import { disk } from '../../storage/disk.ts'
import { makeTlsRequest } from '../../wire/tls.ts'
import { everyCut } from '../support/faults/every-cut.ts'
import { temporaryFolder } from '../support/places.ts'
import { anId } from '../support/stored-clips.ts'

const HOUR = 3600_000
let folder: string
let remove: () => Promise<void>
let authority: Authority
const at = (name: string) => join(folder, name)
const openssl = (...args: string[]) =>
  execFileSync('openssl', args, { encoding: 'utf8', cwd: folder, stdio: 'pipe' })

const deviceId = anId('device')
const name: CertificateName = { kind: 'device', householdId: anId('home'), epoch: 7, id: deviceId }
const uri = `ownlens:device:${anId('home')}:7:${deviceId}`

async function issued(now = new Date()): Promise<string> {
  const request = await authority.readRequest((await makeTlsRequest(deviceId)).csr)
  return (await request.issue(name, now)).toString('pem')
}

beforeAll(async () => {
  const made = await temporaryFolder()
  folder = made.path
  remove = made.remove
  authority = await Authority.open(disk, folder, ['hub.example', '192.0.2.1'])
  await writeFile(at('ca.pem'), authority.caPem)
})
afterAll(() => remove())

describe('certificates', () => {
  test('openssl reads and verifies all of them, strictly', async () => {
    await writeFile(at('client.pem'), await issued())
    await writeFile(at('server.pem'), authority.tls.certificate)
    await writeFile(at('hub.der'), authority.hubCertificate)
    openssl('x509', '-inform', 'DER', '-in', 'hub.der', '-out', 'hub.pem')
    const verify = (file: string, purpose: string) =>
      openssl('verify', '-x509_strict', '-CAfile', 'ca.pem', '-purpose', purpose, file)
    expect(verify('client.pem', 'sslclient')).toContain('OK')
    expect(verify('server.pem', 'sslserver')).toContain('OK')
    expect(verify('hub.pem', 'any')).toContain('OK')
    // A client's certificate serves nobody, the server's opens no door, and neither makes others.
    expect(() => verify('client.pem', 'sslserver')).toThrow()
    expect(() => verify('server.pem', 'sslclient')).toThrow()
    await writeFile(at('chain.pem'), await issued())
    expect(() => openssl('verify', '-CAfile', 'client.pem', '-partial_chain', 'chain.pem')).toThrow()
  })

  test('a client’s carries its name, one URI, one use, and at most 24 hours', async () => {
    const now = new Date('2026-03-01T12:00:00Z')
    const certificate = new X509Certificate(await issued(now))
    expect(certificate.subject).toBe(`CN=${deviceId}`)
    expect(certificate.subjectAltName).toBe(`URI:${uri}`)
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2'])
    expect(certificate.ca).toBe(false)
    const [from, to] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)]
    expect(from).toBeLessThanOrEqual(now.getTime())
    expect(to - from).toBeLessThanOrEqual(24 * HOUR)
    expect(to - now.getTime()).toBeGreaterThan(23 * HOUR)
    await writeFile(at('text.pem'), certificate.toString())
    const text = openssl('x509', '-in', 'text.pem', '-noout', '-text')
    expect(text).toMatch(/Key Usage: critical\s+Digital Signature\n/)
    expect(text).toMatch(/Basic Constraints: critical\s+CA:FALSE/)
    expect(text).toContain('Authority Key Identifier')
  })

  test('no two have one serial number, and TLS reports the number that the registrar wrote down', async () => {
    const request = await authority.readRequest((await makeTlsRequest(deviceId)).csr)
    const serials = new Set<string>()
    for (let index = 0; index < 50; index++) {
      const certificate = await request.issue(name, new Date())
      serials.add(serialOf(certificate))
      expect(serialOf(new X509Certificate(certificate.toString('pem')))).toBe(serialOf(certificate))
    }
    expect(serials.size).toBe(50)
  })

  test('openssl reads the CRL, and refuses what stands in it', async () => {
    const [good, bad] = [await issued(), await issued()]
    await writeFile(at('good.pem'), good)
    await writeFile(at('bad.pem'), bad)
    const serial = serialOf(new X509Certificate(bad))
    await writeFile(at('crl.pem'), await authority.crl([{ serial, at: new Date() }]))
    const check = (file: string) =>
      openssl('verify', '-crl_check', '-CAfile', 'ca.pem', '-CRLfile', 'crl.pem', file)
    expect(check('good.pem')).toContain('OK')
    expect(() => check('bad.pem')).toThrow(/revoked/)
    await writeFile(at('crl.pem'), await authority.crl([]))
    expect(check('bad.pem')).toContain('OK')
  })

  test('certs-only answers are what openssl takes for PKCS#7', async () => {
    await writeFile(at('answer.p7'), authority.certsOnly())
    const text = openssl('pkcs7', '-inform', 'DER', '-in', 'answer.p7', '-print_certs')
    expect(text).toContain('CN = Ownlens hub CA')
  })
})

describe('requests', () => {
  const refused = { code: 'enrol.csr' }

  test('openssl’s own is read', async () => {
    openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 'key.pem')
    openssl(
      'req',
      '-new',
      '-key',
      'key.pem',
      '-subj',
      `/CN=${deviceId}`,
      '-outform',
      'DER',
      '-out',
      'csr.der',
    )
    const csr = (await disk.read(at('csr.der'))) ?? new Uint8Array()
    expect((await authority.readRequest(csr)).commonName).toBe(deviceId)
  })

  test('another curve, another algorithm, a changed or a foreign signature, and noise are refused', async () => {
    const made = (...key: string[]) => {
      openssl(...key, '-out', 'other.pem')
      openssl('req', '-new', '-key', 'other.pem', '-subj', '/CN=x', '-outform', 'DER', '-out', 'other.der')
      return disk.read(at('other.der'))
    }
    const { csr } = await makeTlsRequest(deviceId)
    const flipped = csr.map((byte, index) => (index === csr.length - 5 ? byte ^ 1 : byte))
    const renamed = Buffer.from(csr)
    renamed.write('b', renamed.indexOf(deviceId))
    const all = [
      await made('ecparam', '-name', 'secp384r1', '-genkey', '-noout'),
      await made('genpkey', '-algorithm', 'RSA'),
      await made('genpkey', '-algorithm', 'ed25519'),
      flipped,
      renamed,
      csr.subarray(0, -1),
      new Uint8Array(),
      Buffer.from('no request'),
      Buffer.alloc(6000, 0x30),
    ]
    for (const bytes of all)
      await expect(authority.readRequest(bytes ?? new Uint8Array())).rejects.toMatchObject(refused)
  })

  test('nothing that a request wishes for gets into the certificate but its key and name', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    await writeFile(at('wish.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }))
    const extensions = [
      'subjectAltName=DNS:hub,URI:ownlens:hub',
      'basicConstraints=critical,CA:TRUE',
      'extendedKeyUsage=serverAuth',
    ]
    openssl(
      ...['req', '-new', '-key', 'wish.pem', '-subj', `/O=Maker/CN=${deviceId}/CN=hub`],
      ...extensions.flatMap(extension => ['-addext', extension]),
      ...['-outform', 'DER', '-out', 'wish.der'],
    )
    const request = await authority.readRequest((await disk.read(at('wish.der'))) ?? new Uint8Array())
    const certificate = new X509Certificate((await request.issue(name, new Date())).toString('pem'))
    expect(certificate.subject).toBe(`CN=${deviceId}`)
    expect(certificate.subjectAltName).toBe(`URI:${uri}`)
    expect(certificate.ca).toBe(false)
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2'])
    const spki = { type: 'spki', format: 'der' } as const
    expect(certificate.publicKey.export(spki).equals(publicKey.export(spki))).toBe(true)
  })
})

describe('the authority’s files', () => {
  test('the next start has the same CA and hub key, fresh TLS keys, and nobody else may read them', async () => {
    const again = await Authority.open(disk, folder, [])
    expect(again.caId).toBe(authority.caId)
    expect(again.hubKey.id).toBe(authority.hubKey.id)
    expect(Buffer.from(again.hubCertificate).equals(authority.hubCertificate)).toBe(true)
    const key = (pem: string) => createPublicKey(pem).export({ type: 'spki', format: 'pem' })
    expect(key(again.tls.certificate)).not.toBe(key(authority.tls.certificate))
    for (const file of await readdir(at('ca'))) expect((await stat(at(`ca/${file}`))).mode & 0o077).toBe(0)
    // A hub may run for years.
    expect(Date.parse(new X509Certificate(again.tls.certificate).validTo)).toBeGreaterThan(
      Date.now() + 8 * 365 * 24 * HOUR,
    )
  })

  test('a lost key is said, never replaced: all cameras pin it', async () => {
    const { path, remove: away } = await temporaryFolder()
    await Authority.open(disk, path, [])
    await rm(join(path, 'ca', 'ca.key.pem'))
    await expect(Authority.open(disk, path, [])).rejects.toMatchObject({ code: 'hub.damaged' })
    await writeFile(join(path, 'ca', 'ca.key.pem'), 'no key')
    await expect(Authority.open(disk, path, [])).rejects.toMatchObject({ code: 'hub.damaged' })
    await away()
  })

  test('a lost certificate is made anew for the key that is there: every pin holds', async () => {
    const { path, remove: away } = await temporaryFolder()
    const first = await Authority.open(disk, path, [])
    for (const file of ['ca.pem', 'hub-key.pem']) await rm(join(path, 'ca', file))
    const second = await Authority.open(disk, path, [])
    expect([second.caId, second.hubKey.id]).toEqual([first.caId, first.hubKey.id])
    await writeFile(at('again.pem'), second.caPem)
    await writeFile(at('before.pem'), first.tls.certificate)
    expect(openssl('verify', '-x509_strict', '-CAfile', 'again.pem', 'before.pem')).toContain('OK')
    await away()
  })
})

describe('a roll-over', () => {
  /** Everything that was pinned when the power went is there after it, whatever was half done. */
  function outlives(change: 'new' | 'retire-old'): Promise<number> {
    return everyCut<{ caId: string; done: boolean }>(
      {
        async prepare(on) {
          const first = await Authority.open(on, '/data', [])
          const last = change === 'new' ? first : await Authority.open(on, '/data', [], { ca: 'new' })
          return { caId: last.caId, done: false }
        },
        async life(on, notes) {
          await Authority.open(on, '/data', [], { ca: change })
          notes.done = true
        },
        async check(on, { caId, done }) {
          const after = await Authority.open(on, '/data', [])
          expect(after.goesBy(caId)).toBe(true)
          if (done) expect(after.oldCaId).toBe(change === 'new' ? caId : undefined)
          expect(
            new X509Certificate(after.hubCertificate).verify(new X509Certificate(after.caPem).publicKey),
          ).toBe(true)
        },
      },
      // Every cut makes keys: one way for files to be lost, the harder one.
      { chances: 1, models: ['any-order'] },
    )
  }

  test('outlives a power cut at any write', async () => {
    expect(await outlives('new')).toBeGreaterThan(20)
    expect(await outlives('retire-old')).toBeGreaterThan(10)
  }, 180_000)

  test('a hub’s first start makes one CA, whatever it is asked for', async () => {
    const { path, remove: away } = await temporaryFolder()
    expect((await Authority.open(disk, path, [], { ca: 'new' })).oldCaId).toBeUndefined()
    expect((await Authority.open(disk, path, [], { ca: 'retire-old' })).oldCaId).toBeUndefined()
    await away()
  })

  test('one follows another for ever; no key that was retired stays on the disk', async () => {
    const { path, remove: away } = await temporaryFolder()
    let last = await Authority.open(disk, path, [])
    const seen = new Set([last.caId])
    for (let round = 0; round < 3; round++) {
      const next = await Authority.open(disk, path, [], { ca: 'new' })
      expect(next.oldCaId).toBe(last.caId)
      expect(next.hubKey.id).toBe(last.hubKey.id)
      last = await Authority.open(disk, path, [], { ca: 'retire-old' })
      expect(last.caId).toBe(next.caId)
      seen.add(last.caId)
    }
    expect(seen.size).toBe(4)
    expect((await readdir(join(path, 'ca'))).filter(name => name.startsWith('ca'))).toHaveLength(2)
    await away()
  })
})
