import { execFile } from 'node:child_process'
import { createPrivateKey, randomBytes } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { base32 } from '../../protocol/ids.ts'
import { type Signer, signerOf } from '../../protocol/keys.ts'
import type { Home } from '../support/hub-people.ts'
import { connectMqtt } from '../support/mqtt-client.ts'
import { ROOT, temporaryFolder } from '../support/places.ts'
import { startTestHub, type TestHub } from '../support/test-hub.ts'

const run = promisify(execFile)
const SCRIPT = join(ROOT, 'test/interop/enrol.sh')
let world: TestHub
/** Outlives the hub's restart. */
let data: string
let home: Home
let folder: string
let remove: () => Promise<void>

beforeAll(async () => {
  const made = await temporaryFolder()
  folder = made.path
  remove = made.remove
  data = join(folder, 'hub')
  world = await startTestHub({ data })
  home = await world.home()
})
afterAll(async () => {
  await world.close()
  await remove()
})

/** A folder with a key that openssl made. */
async function somebody(name: string): Promise<{ signer: Signer; key: string; cwd: string }> {
  const cwd = join(folder, name)
  await mkdir(cwd)
  const key = join(cwd, 'own.key')
  await run('openssl', ['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', key])
  return { signer: signerOf(createPrivateKey(await readFile(key, 'utf8'))), key, cwd }
}

/** What a client without a line of ours does: curl, openssl, coreutils. */
async function enrol(
  who: { key: string; cwd: string },
  asks: { operation?: string; caId?: string; cn: string; role: object; path: string },
): Promise<{ code: number; said: string }> {
  const { operation = 'simpleenroll', caId = world.hub.caId, cn, role, path } = asks
  const { url } = world.hub
  const args = [SCRIPT, url, caId, who.key, home.id, operation, cn, JSON.stringify(role), path]
  return run('sh', args, { cwd: who.cwd }).then(
    ({ stdout }) => ({ code: 0, said: stdout }),
    ({ code, stdout, stderr }) => ({ code, said: `${stdout}${stderr}` }),
  )
}

const roster = () => `/households/${home.id}/roster`

describe('curl and openssl alone', () => {
  test('enrol a device, renew its certificate, and use both', async () => {
    const board = await somebody('device')
    await world.camera(home, { signer: board.signer })
    const boot = base32(randomBytes(16))
    const role = (counter: number) => ({ kind: 'device', epoch: 1, counter, boot })
    const asks = { cn: board.signer.id, path: roster() }
    const first = await enrol(board, { ...asks, role: role(1) })
    expect(first).toMatchObject({ code: 0 })
    expect(JSON.parse(first.said)).toMatchObject({ roster: home.first })
    const before = await readFile(join(board.cwd, 'client.pem'), 'utf8')
    const renewed = await enrol(board, { ...asks, operation: 'simplereenroll', role: role(2) })
    expect(JSON.parse(renewed.said)).toMatchObject({ roster: home.first })
    const certificate = await readFile(join(board.cwd, 'client.pem'), 'utf8')
    expect(certificate).not.toBe(before)

    const [ca, key] = await Promise.all(
      ['ca.pem', 'client.key'].map(name => readFile(join(board.cwd, name), 'utf8')),
    )
    const tls = { name: board.signer.id, certificate, key: key ?? '', ca: ca ?? '', notAfter: new Date() }
    const client = await connectMqtt(world.hub.brokerUrl, tls)
    expect(client.connected).toBe(true)
    client.end(true)

    const used = await enrol(board, { ...asks, role: role(2) })
    expect(used.code).toBe(22)
    expect(used.said).toContain('"enrol.held"')
  })

  test('enrol a member, who reads what is the home’s', async () => {
    const person = await somebody('member')
    const within = await home.roster({ number: 2, prev: home.first, members: [home.founder, person.signer] })
    await world.client.request(home.id, { action: 'roster', roster: within, successions: [] }, home.root)
    const cn = `${person.signer.id}.${base32(randomBytes(5))}`
    const path = `/households/${home.id}/claims`
    const answer = await enrol(person, { cn, role: { kind: 'member' }, path })
    expect(answer).toMatchObject({ code: 0 })
    expect(JSON.parse(answer.said).claims).toHaveLength(1)
    const renewal = { operation: 'simplereenroll', role: { kind: 'member' }, path }
    expect(await enrol(person, { ...renewal, cn })).toMatchObject({ code: 0 })
    const other = await enrol(person, { ...renewal, cn: `${person.signer.id}.${base32(randomBytes(5))}` })
    expect(other.said).toContain('"enrol.renewal"')
  })

  test('are refused without a claim', async () => {
    const stranger = await somebody('stranger')
    const role = { kind: 'device', epoch: 1, counter: 1, boot: base32(randomBytes(16)) }
    const answer = await enrol(stranger, { cn: stranger.signer.id, role, path: roster() })
    expect(answer.said).toContain('"enrol.claim"')
  })

  test('get through a roll-over of the CA with the old one’s id', async () => {
    const board = await somebody('through')
    await world.camera(home, { signer: board.signer })
    const role = (counter: number) => ({ kind: 'device', epoch: 1, counter, boot: 'a'.repeat(26) })
    const asks = { caId: world.hub.caId, cn: board.signer.id, path: roster() }
    expect(await enrol(board, { ...asks, role: role(1) })).toMatchObject({ code: 0 })
    await world.close()
    world = await startTestHub({ data, ca: 'new' })
    const both = { ...asks, operation: 'simplereenroll' }
    expect(await enrol(board, { ...both, role: role(2) })).toMatchObject({ code: 0 })
    expect(await enrol(board, { ...both, role: role(3), caId: world.hub.caId })).toMatchObject({ code: 0 })
  })
})
