import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { DiskWorld, deviceDisk } from '../../fleet/device-disk.ts'
import { OPEN, Way } from '../../fleet/way.ts'
import { disk, replaceFile } from '../../storage/disk.ts'
import { temporaryFolder } from '../support/places.ts'

describe('a way through a network', () => {
  let server: Server
  let place: { host: string; port: number }
  let way: Way
  const sockets: Socket[] = []
  beforeEach(async () => {
    // Sends back all that it gets, in its own pieces, and ends when the other side has.
    server = createServer({ allowHalfOpen: true }, socket => {
      sockets.push(socket)
      socket.on('error', () => undefined)
      socket.pipe(socket)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    place = { host: '127.0.0.1', port: (server.address() as { port: number }).port }
  })
  afterEach(async () => {
    await way.close()
    for (const socket of sockets.splice(0)) socket.destroy()
    await new Promise(resolve => server.close(resolve))
  })
  const opened = async (network: Partial<typeof OPEN> & { kbits?: number } = {}) => {
    way = new Way({ ...OPEN, ...network }, { needed: true, jitter: Math.random })
    await way.open([place])
    expect(way.road(place).port).not.toBe(place.port)
    return connect(way.road(place))
  }
  const echo = async (socket: Socket, pieces: readonly Uint8Array[]) => {
    for (const piece of pieces) socket.write(piece)
    socket.end()
    const chunks: Buffer[] = []
    for await (const chunk of socket as AsyncIterable<Buffer>) chunks.push(chunk)
    return Buffer.concat(chunks)
  }

  test('loses nothing and keeps the order, whatever the delays; the end comes last', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(60_000), { minLength: 1, maxLength: 8 }),
        fc.nat(5),
        fc.nat(20),
        async (sizes, latency, jitter) => {
          const pieces = sizes.map(size => randomBytes(size))
          const socket = await opened({ latency, jitter })
          expect(Buffer.compare(await echo(socket, pieces), Buffer.concat(pieces))).toBe(0)
          await way.close()
        },
      ),
      { numRuns: 15 },
    )
  })

  test('takes as long as it should', async () => {
    const socket = await opened({ latency: 50, kbits: 800 })
    const began = performance.now()
    await echo(socket, [randomBytes(10_000)])
    // 80 kbit at 800 kbit/s is a tenth of a second, each way; and the latency, each way.
    expect(performance.now() - began).toBeGreaterThan(290)
  })

  test('that is gone breaks what is open and refuses what is new, until it is back', async () => {
    const socket = await opened()
    socket.on('error', () => undefined)
    socket.write('a')
    await once(socket, 'data')
    way.gone = true
    await once(socket, 'close')
    const refused = connect(way.road(place))
    refused.on('error', () => undefined)
    await once(refused, 'close')
    way.gone = false
    expect((await echo(connect(way.road(place)), [Buffer.from('b')])).toString()).toBe('b')
  })
})

describe('a device’s disk', () => {
  test('fails as it is told to, and then works again', async () => {
    const { path, remove } = await temporaryFolder()
    const world = new DiskWorld()
    const card = deviceDisk(disk, world).disk
    await replaceFile(card, `${path}/a`, 'one')
    world.fails = 'ENOSPC'
    await expect(replaceFile(card, `${path}/a`, 'two')).rejects.toMatchObject({ code: 'ENOSPC' })
    expect(Buffer.from((await card.read(`${path}/a`)) ?? []).toString()).toBe('one')
    await card.remove(`${path}/nothing`)
    world.fails = 'EROFS'
    await expect(card.remove(`${path}/a`)).rejects.toMatchObject({ code: 'EROFS' })
    world.fails = undefined
    await replaceFile(card, `${path}/a`, 'two')
    expect(Buffer.from((await card.read(`${path}/a`)) ?? []).toString()).toBe('two')
    await remove()
  })

  test('whose power is cut answers nothing more, and a write that ran is never acknowledged', async () => {
    const { path, remove } = await temporaryFolder()
    const { disk: card, cut } = deviceDisk(disk, new DiskWorld())
    const told: string[] = []
    const running = card.write(`${path}/large`, randomBytes(100_000)).then(() => told.push('written'))
    await cut()
    void card.read(`${path}/large`).then(() => told.push('read'))
    void running
    // The real disk goes on for others: when this one is done, those before it would have been, too.
    await disk.write(`${path}/other`, randomBytes(200_000))
    expect(told).toEqual([])
    const left = (await disk.info(`${path}/large`))?.bytes ?? 0
    expect(left).toBeLessThan(100_000)
    await remove()
  })
})
