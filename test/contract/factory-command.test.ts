import { execFileSync } from 'node:child_process'
import { chmod, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RootFolder } from '../../deploy/factory/root.ts'
import { idOfKey } from '../../protocol/ids.ts'
import { privateKeyFromPem, signerOf } from '../../protocol/keys.ts'
import { disk } from '../../storage/disk.ts'
import { HubClient } from '../../wire/hub-client.ts'
import { type Running, runCommand, startCommand } from '../support/command.ts'
import { newSigner } from '../support/people.ts'
import { temporaryFolder } from '../support/places.ts'
import { codeFrom } from '../support/registrar-desk.ts'
import { people, type TestHub } from '../support/test-hub.ts'

const STRANGER = newSigner().id
let folder: string
let remove: () => Promise<void>
let hub: Running
let address: string
/** One station, twice. */
let certified: readonly Station[]
let at: Pick<TestHub, 'home' | 'camera' | 'member'>
const place = (...names: string[]) => join(folder, ...names)
const pass = () => ['--passphrase-file', place('pass')]
const factory = (...args: string[]) => runCommand(['factory', ...args])
const withRoot = (...args: string[]) => factory(...args, '--data', place('maker'), ...pass())

/** The JSON that a command prints; its failure is the test's. */
async function told<T>(command: Promise<{ code: number | null; output: string }>, code = 0): Promise<T> {
  const result = await command
  expect(result.output, result.output).toMatch(/^\{.*\}\n$/)
  expect(result.code).toBe(code)
  return JSON.parse(result.output)
}
interface Station {
  readonly stationId: string
  readonly until: string
}
interface Made {
  readonly serial: string
  readonly deviceId: string
  readonly idevid: string
}
const make = (station: string, serial: string, board: string, ...how: string[]) =>
  factory('make', '--station', place(station), '--serial', serial, '--board', place(board), '--json', ...how)
const online = () => ['--hub', address]
const offline = (file: string) => ['--offline', place(file)]

beforeAll(async () => {
  const made = await temporaryFolder()
  folder = made.path
  remove = made.remove
  await writeFile(place('pass'), 'a long passphrase\n')
  // A quick passphrase: what `init` makes is seen below, at another maker's.
  await new RootFolder(disk, place('maker')).create({
    ...{ name: 'Maker & Sons', passphrase: 'a long passphrase', now: new Date(), workFactor: 8 },
  })
  await told(withRoot('station', 'Line 1', '--out', place('s1'), '--json'))
  const second = () => told<Station>(withRoot('station', 'Line 2', '--out', place('s2'), '--json'))
  certified = [await second(), await second()]
  const args = ['--data', place('hub'), '--port', '0', '--mqtt-port', '0', '--log-level', 'warn', '--json']
  hub = startCommand(['hub', ...args, '--profile', 'maker', '--maker-root', place('maker', 'root.pem')])
  const [, line = ''] = await hub.says(/^(\{"hub".*\})$/m)
  const greeting = JSON.parse(line) as { hub: string; code: string }
  address = greeting.hub
  for (const name of ['s1', 's2']) await told(withRoot('announce', place(name), '--json', ...online()))
  const [url = '', caId = ''] = address.split('#')
  let code = greeting.code
  const next = async () => {
    const used = code
    code = ''
    return used !== '' ? used : ((await hub.says(/^\{"code":"([a-z2-7-]{19})"\}$/m))[1] ?? '')
  }
  at = people(new HubClient({ url, caId }), next)
})
afterAll(async () => {
  await hub?.kill('SIGKILL')
  await remove()
})

describe('root and stations', () => {
  test('a root is made once, under its passphrase; a station that is certified again keeps its key', async () => {
    const again = await withRoot('init')
    expect(again).toMatchObject({ code: 1 })
    expect(again.output).toContain('factory.exists')
    expect((await readFile(place('maker', 'root.age'))).subarray(0, 21).toString()).toBe(
      'age-encryption.org/v1',
    )
    expect((await stat(place('maker', 'root.age'))).mode & 0o77).toBe(0)
    expect((await stat(place('s1', 'station-key.pem'))).mode & 0o77).toBe(0)
    await writeFile(place('wrong'), 'another passphrase\n')
    const args = ['station', 'Line 3', '--data', place('maker'), '--out', place('s3')]
    const refused = await factory(...args, '--passphrase-file', place('wrong'))
    expect(refused).toMatchObject({ code: 1 })
    expect(refused.output).toContain('home.passphrase')
    expect(certified[1]?.stationId).toBe(certified[0]?.stationId)
    expect(Number(certified[1]?.until.slice(0, 4)) - new Date().getUTCFullYear()).toBeLessThanOrEqual(10)
    const nowhere = await factory('station', 'x', '--data', place('none'), '--out', place('s3'), ...pass())
    expect(nowhere.output).toContain('factory.absent')
  })
})

describe('boards', () => {
  test('are made without the root: key and serial registered, a certificate that openssl verifies', async () => {
    // The root is in its safe.
    await chmod(place('maker'), 0o000)
    const made = await told<Made>(make('s1', 'OL-1', 'b1', ...online()))
    await chmod(place('maker'), 0o700)
    expect(made).toEqual({
      ...{ serial: 'OL-1', deviceId: made.deviceId, registered: 'hub', idevid: place('b1', 'idevid.pem') },
      boxCode: expect.stringMatching(/^OB1:[A-Z2-7]{26}$/),
    })
    const key = signerOf(privateKeyFromPem(await readFile(place('b1', 'device-key.pem'), 'utf8')))
    expect(made.deviceId).toBe(key.id)
    expect(made.deviceId).toBe(idOfKey(key.spki))
    const openssl = (...args: string[]) => execFileSync('openssl', args, { encoding: 'utf8', cwd: folder })
    const verified = openssl(
      ...['verify', '-x509_strict', '-CAfile', 'maker/root.pem', '-untrusted', 's1/station.pem'],
      made.idevid,
    )
    expect(verified).toContain('OK')
    const text = openssl('x509', '-in', made.idevid, '-noout', '-subject', '-issuer', '-enddate')
    expect(text).toContain(`serialNumber = OL-1, CN = ${key.id}`)
    expect(text).toContain('CN = Line 1')
    expect(text).toContain('Dec 31 23:59:59 9999 GMT')
  })

  test('may be made again, by any station, but not under another serial, nor another under theirs', async () => {
    const { deviceId } = await told<Made>(make('s1', 'OL-2', 'b2', ...online()))
    expect(await told<Made>(make('s2', 'OL-2', 'b2', ...online()))).toMatchObject({ deviceId })
    for (const [board, serial, code] of [
      ['b2', 'OL-2x', 'serial.key'],
      ['b2x', 'OL-2', 'serial.taken'],
    ] as const) {
      const refused = await make('s1', serial, board, ...online())
      expect(refused).toMatchObject({ code: 1 })
      expect(refused.output).toContain(code)
      expect(refused.output).toContain('What to do')
    }
    // A refused board has no certificate.
    expect(await readdir(place('b2x'))).not.toContain('idevid.pem')
  })

  test('elsewhere sign a nonce that the station gave; it is good for one board, once', async () => {
    const birthOf = async (serial: string, nonce: string) => {
      const out = place(`${serial}.jws`)
      const args = ['--data', place('far'), '--serial', serial, '--nonce', nonce, '--out', out]
      expect(await runCommand(['agent', 'birth', ...args])).toMatchObject({ code: 0 })
      return out
    }
    const makeFrom = (serial: string, birth: string) => {
      const out = ['--out', place('far.pem'), '--json', ...online()]
      return factory('make', '--station', place('s1'), '--serial', serial, '--birth', birth, ...out)
    }
    const { nonce } = await told<{ nonce: string }>(factory('nonce', '--station', place('s1'), '--json'))
    const birth = await birthOf('OL-3', nonce)
    expect((await makeFrom('OL-4', birth)).output).toContain('serial.birth')
    expect((await makeFrom('OL-3b', await birthOf('OL-3b', 'a'.repeat(26)))).output).toContain(
      'factory.nonce',
    )
    await told<Made>(makeFrom('OL-3', birth))
    const replayed = await makeFrom('OL-3', birth)
    expect(replayed).toMatchObject({ code: 1 })
    expect(replayed.output).toContain('factory.nonce')
    expect((await makeFrom('OL-3', place('none.jws'))).output).toContain('factory.board')
  })

  test('what is asked wrongly is an error of usage', async () => {
    const wrong = [
      ['make', '--station', place('s1'), '--serial', 'OL-5', '--board', place('b5')],
      [
        'make',
        '--station',
        place('s1'),
        '--serial',
        'OL-5',
        '--board',
        place('b5'),
        '--hub',
        'x',
        '--offline',
        'y',
      ],
      ['make', '--station', place('s1'), '--serial', 'OL 5', '--board', place('b5'), ...online()],
      ['serial', '--data', place('maker'), '--serial', 'OL-5', '--device', 'x', ...online()],
      ['station', '', '--data', place('maker'), '--out', place('s9')],
    ]
    for (const args of wrong) expect((await factory(...args)).code, args.join(' ')).toBe(2)
    const none = await factory(
      'make',
      '--station',
      place('nowhere'),
      '--serial',
      'X',
      '--board',
      'b',
      ...online(),
    )
    expect(none).toMatchObject({ code: 1 })
    expect(none.output).toContain('factory.station')
    expect(await readdir(folder)).not.toContain('nowhere')
  })

  test('of another maker’s station are refused', async () => {
    const other = ['--data', place('other'), ...pass(), '--json']
    await told(factory('init', ...other))
    await told(factory('station', 'Line 1', ...other, '--out', place('o1')))
    const refused = await make('o1', 'OL-6', 'b6', ...online())
    expect(refused).toMatchObject({ code: 1 })
    expect(refused.output).toContain('station.unknown')
  })
})

describe('made offline', () => {
  let rival: Made
  const claim = async (board: string) => {
    const pem = await readFile(place(board, 'device-key.pem'), 'utf8')
    return codeFrom(at.camera(await home, { signer: signerOf(privateKeyFromPem(pem)) }))
  }
  let home: ReturnType<typeof at.home>
  const merge = (station: string, ...files: string[]) =>
    factory('merge', ...files.map(file => place(file)), '--station', place(station), '--json', ...online())

  test('by two stations under one serial: written down, merged, in dispute', async () => {
    const first = await told<Made>(make('s1', 'OFF-1', 'c1', ...offline('one')))
    await told<Made>(make('s1', 'OFF-2', 'c2', ...offline('one')))
    // The same board again is written once; two that collide at one station are seen there.
    await told<Made>(make('s1', 'OFF-2', 'c2', ...offline('one')))
    expect((await readFile(place('one'), 'utf8')).trim().split('\n')).toHaveLength(2)
    expect((await make('s1', 'OFF-2', 'c3', ...offline('one'))).output).toContain('serial.taken')
    expect((await make('s1', 'OFF-3', 'c2', ...offline('one'))).output).toContain('serial.key')
    rival = await told<Made>(make('s2', 'OFF-1', 'd1', ...offline('two')))

    home = at.home()
    expect(await claim('c1')).toBe('serial.unknown')
    expect(await told(merge('s1', 'one'))).toEqual({ boards: 2, conflicts: [] })
    expect(await claim('c1')).toBeUndefined()

    // The other station finds a line that is none and one of another station besides.
    const one = (await readFile(place('one'), 'utf8')).split('\n')[0]
    await writeFile(place('mixed'), `${one}\nnot a registration\n`)
    expect(await told(merge('s2', 'two', 'mixed'), 1)).toEqual({
      boards: 3,
      conflicts: [
        { serial: 'OFF-1', deviceId: rival.deviceId, code: 'serial.disputed' },
        { serial: 'OFF-1', deviceId: first.deviceId, code: 'statement.signer' },
        { serial: null, deviceId: null, code: 'statement.kind' },
      ],
    })
    const plain = await factory('merge', place('two'), '--station', place('s2'), ...online())
    expect(plain.code).toBe(1)
    expect(plain.output).toContain(
      `OFF-1  ${rival.deviceId}  serial.disputed: another camera bears this serial`,
    )
    expect(await claim('d1')).toBe('serial.disputed')
  }, 180_000)

  test('and settled by the root, whose numbers grow', async () => {
    const settle = (serial: string, device: string, ...more: string[]) =>
      withRoot('serial', '--serial', serial, '--device', device, '--json', ...online(), ...more)
    expect(await told(settle('OFF-1b', rival.deviceId))).toMatchObject({ number: 3 })
    expect(await claim('d1')).toBeUndefined()
    // What the station has on file says the old thing still; the root's word stands.
    expect(await told(merge('s2', 'two'), 1)).toMatchObject({ conflicts: [{ code: 'serial.key' }] })

    // A folder restored from an old backup has forgotten its numbers.
    await rm(place('maker', 'number'))
    const old = await settle('OFF-9', STRANGER)
    expect(old).toMatchObject({ code: 1 })
    expect(old.output).toContain('serial.old')
    expect(await told(settle('OFF-9', STRANGER, '--number', '7'))).toMatchObject({ number: 7 })
    expect(await told(settle('OFF-9', rival.deviceId))).toMatchObject({ number: 8 })
  }, 180_000)
})

describe('stations and signers at a hub', () => {
  const tell = (what: 'announce' | 'revoke', whom: string, ...more: string[]) =>
    withRoot(what, whom, '--json', ...online(), ...more)

  test('a station that was certified and not announced makes nothing; one that was stolen is revoked by its name', async () => {
    const { stationId } = await told<Station>(withRoot('station', 'Line 3', '--out', place('s3'), '--json'))
    const before = await make('s3', 'ST-1', 'e1', ...online())
    expect(before).toMatchObject({ code: 1 })
    expect(before.output).toContain('station.unlogged')
    const word = { kind: 'station', keyId: stationId, name: 'Line 3' }
    expect(await told(tell('announce', place('s3')))).toMatchObject({ ...word, active: true })
    await told<Made>(make('s3', 'ST-1', 'e1', ...online()))
    await rename(place('s3'), place('stolen'))
    expect(await told(tell('revoke', 'Line 3'))).toMatchObject({ ...word, active: false })
    const after = await make('stolen', 'ST-2', 'e2', ...online())
    expect(after.output).toContain('station.revoked')
    expect(after.output).toContain('What to do')
    const nobody = await tell('revoke', 'Line 9')
    expect(nobody).toMatchObject({ code: 1 })
    expect(nobody.output).toContain('factory.key')
    // An id that this folder never heard of wants to be told what it is.
    expect((await tell('revoke', STRANGER)).output).toContain('factory.key')
    expect(await told(tell('revoke', STRANGER, '--as', 'station'))).toMatchObject({ keyId: STRANGER })
  })

  test('a signer’s key stays where it was made: its card is enough for the root', async () => {
    const args = ['signer', 'Front office', '--out', place('g1'), ...pass(), '--json']
    const { signerId } = await told<{ signerId: string }>(factory(...args))
    expect((await stat(place('g1', 'signer.age'))).mode & 0o77).toBe(0)
    expect((await factory(...args)).output).toContain('factory.signer_exists')
    await mkdir(place('card'))
    await writeFile(place('card', 'signer.json'), await readFile(place('g1', 'signer.json')))
    const announced = await told(tell('announce', place('card')))
    expect(announced).toMatchObject({ kind: 'signer', keyId: signerId, name: 'Front office' })
    expect((await tell('announce', place('b1'))).output).toContain('factory.key')
    await writeFile(place('card', 'signer.json'), '{}')
    expect((await tell('announce', place('card'))).output).toContain('factory.damaged')
  })
})

describe('the hub’s command', () => {
  test('wants the root of a maker in profile maker, and none in profile home', async () => {
    await mkdir(place('h2'), { recursive: true })
    await writeFile(place('junk.pem'), 'junk')
    const args = ['hub', '--data', place('h2'), '--port', '0', '--mqtt-port', '0']
    for (const more of [
      ['--profile', 'maker'],
      ['--profile', 'maker', '--maker-root', place('junk.pem')],
      ['--maker-root', place('maker', 'root.pem')],
    ]) {
      const { code, output } = await runCommand([...args, ...more])
      expect(code, more.join(' ')).toBe(1)
      expect(output).toContain('station.root')
    }
  })
})
