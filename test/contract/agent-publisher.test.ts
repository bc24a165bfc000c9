import { randomBytes } from 'node:crypto'
import { readdir, readFile, truncate, writeFile } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { OutboxItem } from '../../agent/outbox-files.ts'
import type { Hub } from '../../deploy/hub/hub.ts'
import { startLoopbackHub } from '../../deploy/hub/loopback.ts'
import { clipsAtHub } from '../../home/clip-source.ts'
import type { Household as Home } from '../../home/household.ts'
import { makeMember, memberRecipient } from '../../home/member-keys.ts'
import { makePrivateKey, privateKeyFromPem, type Signer, signerOf } from '../../protocol/keys.ts'
import { ackKind } from '../../protocol/registrar.ts'
import { makeStatement } from '../../protocol/statement.ts'
import { writeTopic } from '../../protocol/topics.ts'
import { newClipId, type Publisher, someParts, startPublisher } from '../support/agent-at-hub.ts'
import { temporaryFolder } from '../support/places.ts'
import { makeHome } from '../support/world.ts'

const LATE = { timeout: 50_000, interval: 50 }

describe.each(['aedes', 'mosquitto'] as const)('a publisher at a hub with %s', broker => {
  let folder: string
  let remove: () => Promise<void>
  let hub: Hub
  let home: Home
  let root: Signer
  let camera: Publisher

  const start = async (storeBytes = 2 ** 30, ports = { port: 0, mqttPort: 0 }) =>
    startLoopbackHub(join(folder, 'hub'), { broker, storeBytes, ...ports })
  const portsOf = ({ url, brokerUrl }: Hub) => ({
    port: Number(new URL(url).port),
    mqttPort: Number(new URL(brokerUrl).port),
  })
  const stored = async () => {
    const { tls } = await home.enrol()
    return (await clipsAtHub(home.hub, tls, home.id)).map(({ parts }) => [...parts].sort())
  }
  const keyOf = (counter: number) => ({ epoch: 1, counter, clipId: newClipId() })

  async function begin(storeBytes?: number, options?: { ackTimeoutMs: number }): Promise<void> {
    hub = await start(storeBytes)
    const made = await makeHome(hub, join(folder, 'home'), { suite: 'x25519' })
    home = made.household
    root = made.root
    camera = await startPublisher(home, root, join(folder, 'camera'), options)
  }

  beforeEach(async () => {
    const made = await temporaryFolder()
    folder = made.path
    remove = made.remove
  })
  afterEach(async () => {
    await camera?.stop()
    await hub?.close()
    await remove()
  })

  function waiting(): readonly OutboxItem[] {
    const seen = new Set<OutboxItem>()
    for (let item = camera.outbox.next(seen); item !== undefined; item = camera.outbox.next(seen))
      seen.add(item)
    return [...seen]
  }

  test('what waits is stored, part for part, and leaves the outbox when the store has said so', async () => {
    await begin()
    await camera.outbox.put(keyOf(1), someParts(30))
    await camera.outbox.putMessage('alert', randomBytes(2000))
    camera.start()
    await camera.outbox.put(keyOf(2), someParts(3))
    await expect.poll(() => camera.outbox.clips, LATE).toBe(0)
    expect(waiting()).toEqual([])
    const wanted = [30, 3].map(count => ['open', 'end', ...Array(count).keys()].map(String).sort())
    expect((await stored()).sort((a, b) => b.length - a.length)).toEqual(wanted)
    expect(camera.refused).toEqual([])
  })

  test('poisoned files are dropped, counted and told; all else gets through', async () => {
    await begin()
    for (const counter of [1, 2]) await camera.outbox.put(keyOf(counter), someParts(3))
    await camera.outbox.putMessage('gap', randomBytes(500))
    await camera.outbox.putMessage('alert', randomBytes(500))
    const part = (counter: number, name: string) => {
      const item = waiting().find(
        other => other.kind === 'part' && other.clip.counter === counter && other.part === name,
      )
      if (item === undefined) throw new Error('there is none')
      return item.path
    }
    await truncate(part(1, '0'), 300)
    await truncate(part(1, '1'), 0)
    const flipped = await readFile(part(1, '2'))
    flipped[flipped.length - 7] = (flipped.at(-7) ?? 0) ^ 1
    await writeFile(part(1, '2'), flipped)
    const [gap] = waiting()
    await writeFile(gap?.path ?? '', randomBytes(200_000))
    camera.start()
    await expect.poll(() => camera.outbox.clips, LATE).toBe(0)
    await expect.poll(() => waiting(), LATE).toEqual([])
    expect([...camera.refused].sort()).toEqual(['part.frame', 'part.frame', 'part.hash', 'part.size'])
    expect(camera.lost).toEqual([1])
    expect((await stored()).sort((a, b) => a.length - b.length)).toEqual([
      ['end', 'open'],
      ['0', '1', '2', 'end', 'open'],
    ])
    expect(camera.logged.filter(said => said === 'connected')).toHaveLength(1)
  })

  test('a store that acknowledges nothing: the registrar is asked anew, and nothing is lost', async () => {
    await begin(1, { ackTimeoutMs: 300 })
    await camera.outbox.put(keyOf(1), someParts(2))
    const enrolments = async () => Number(await readFile(join(folder, 'camera', 'enrolment-counter'), 'utf8'))
    camera.start()
    await expect
      .poll(() => camera.refused.filter(code => code === 'ack.missing').length, LATE)
      .toBeGreaterThan(1)
    // Each connection comes with a certificate of its own.
    expect(await enrolments()).toBeGreaterThan(1)
    expect(camera.logged.filter(said => said === 'connected').length).toBeGreaterThan(1)
    expect(waiting()).toHaveLength(4)
    // There is room now.
    const ports = portsOf(hub)
    await hub.close()
    hub = await start(2 ** 30, ports)
    await expect.poll(() => camera.outbox.clips, LATE).toBe(0)
    expect(await stored()).toEqual([['0', '1', 'end', 'open']])
  })

  test('forged acknowledgements keep no part from the store, and are counted', async () => {
    await begin(1, { ackTimeoutMs: 2000 })
    await camera.outbox.put(keyOf(1), someParts(1))
    camera.start()
    await expect.poll(() => camera.logged, LATE).toContain('connected')
    const { householdId, epoch, deviceId } = camera.household.membership().envelope
    const topic = writeTopic({ householdId, epoch, deviceId, kind: 'ack' })
    const [item] = waiting()
    if (item?.kind !== 'part') throw new Error('nothing waits')
    const stranger = signerOf(makePrivateKey())
    const sha256 = JSON.parse((await readFile(item.path)).toString('latin1').split('\n')[0] ?? '').sha256
    const forged = { deviceId, clipId: item.clip.clipId, part: item.part, sha256, roster: 1 }
    const ack = await makeStatement(ackKind, forged, stranger)
    for (const bytes of [Buffer.from(ack), randomBytes(50), randomBytes(100_000)])
      await hub.broker.publish(topic, bytes)
    await expect
      .poll(() => camera.refused, LATE)
      .toEqual(expect.arrayContaining(['statement.signer', 'statement.kind', 'statement.size']))
    expect(waiting()).toHaveLength(3)
  })

  // mosquitto hands no such packet on.
  test.runIf(broker === 'aedes')(
    'a packet that is larger than a message may be ends the connection before it is held, and a new one is made',
    async () => {
      await begin()
      camera.start()
      await expect.poll(() => camera.logged, LATE).toContain('connected')
      const { householdId, epoch, deviceId } = camera.household.membership().envelope
      await hub.broker.publish(
        writeTopic({ householdId, epoch, deviceId, kind: 'ack' }),
        randomBytes(200_000),
      )
      const connections = () => camera.logged.filter(said => said === 'connected').length
      await expect.poll(connections, LATE).toBe(2)
      expect(camera.refused).toEqual([])
    },
  )

  test('a roster that the root has changed is taken when an acknowledgement hints at it', async () => {
    await begin()
    camera.start()
    await expect.poll(() => camera.logged, LATE).toContain('connected')
    const member = await makeMember('x25519')
    const signer = signerOf(privateKeyFromPem(member.key))
    const recipient = await memberRecipient(member, home.id, signer)
    await home.publishRoster(root, [...(await home.memberStatements()), { memberId: signer.id, recipient }])
    expect(camera.household.rosterNumber).toBe(1)
    await camera.outbox.put(keyOf(1), someParts(0))
    await expect.poll(() => camera.household.rosterNumber, LATE).toBe(2)
    expect(camera.household.membership().recipients).toHaveLength(2)
    expect(camera.refused).toEqual([])
    expect(await readdir(join(folder, 'camera'))).toContain('household.json')
  })
})

test.each(['registrar', 'broker'] as const)(
  'a %s that takes connections and says nothing holds up nobody who wants to stop',
  async which => {
    const { path: folder, remove } = await temporaryFolder()
    const silent = createServer(() => undefined)
    const hub = await startLoopbackHub(join(folder, 'hub'))
    const sockets = new Set<Socket>()
    try {
      const { household: home, root } = await makeHome(hub, join(folder, 'home'), { suite: 'x25519' })
      const camera = await startPublisher(home, root, join(folder, 'camera'))
      if (which === 'broker') await hub.broker.close()
      else await hub.close()
      const port = Number(new URL(which === 'broker' ? hub.brokerUrl : hub.url).port)
      await new Promise<void>(resolve => silent.listen(port, '127.0.0.1', resolve))
      silent.on('connection', socket => sockets.add(socket))
      camera.start()
      await expect.poll(() => sockets.size, LATE).toBeGreaterThan(0)
      const stopping = performance.now()
      await camera.stop()
      expect(performance.now() - stopping).toBeLessThan(8000)
    } finally {
      for (const socket of sockets) socket.destroy()
      silent.close()
      if (which === 'broker') await hub.close()
      await remove()
    }
  },
)
