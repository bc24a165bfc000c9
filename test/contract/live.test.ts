import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { findCamera } from '../../home/cameras.ts'
import { Household } from '../../home/household.ts'
import { type LiveResult, watchLive } from '../../home/live.ts'
import { addMember, inviteMember, joinHousehold, removeMember } from '../../home/members.ts'
import type { LiveThing } from '../../protocol/live.ts'
import { readTopic } from '../../protocol/topics.ts'
import { disk } from '../../storage/disk.ts'
import { type HomeAtHub, homeAtHub } from '../support/home-at-hub.ts'
import { RunningAgent } from '../support/running-agent.ts'

let at: HomeAtHub
let agent: RunningAgent
let deviceId: string
/** All members' apps, the founder's first, each in a folder of its own. */
const homes: Household[] = []
/** What passed the hub: commands and live messages, in order. */
const passed: { topic: string; kind: string; payload: Buffer }[] = []

beforeAll(async () => {
  at = await homeAtHub({ suite: 'x25519' })
  homes.push(at.home)
  for (const name of ['Ben', 'Carla']) {
    const folder = join(at.folder, name)
    const answer = await joinHousehold(disk, folder, inviteMember(at.home), name)
    await addMember(at.home, at.root, answer, name)
    homes.push(await Household.open(disk, folder))
  }
  agent = new RunningAgent(join(at.folder, 'camera'))
  await agent.says('logged', /waiting to be paired/)
  deviceId = (await agent.pair(at.home, at.root)).deviceId
  await agent.says('logged', /^connected$/)
  at.hub.broker.onMessage((topic, payload) => {
    const kind = readTopic(topic)?.kind ?? ''
    if (kind === 'command' || kind === 'live') passed.push({ topic, kind, payload: Buffer.from(payload) })
  })
  for (const home of homes) {
    const { tls } = await home.enrol()
    await home.refresh(tls)
    await home.refreshClaims(tls)
  }
})
afterAll(async () => {
  await agent?.stop()
  await at?.close()
})

/** A member who watches, until told not to. */
class Watcher {
  readonly shown: LiveThing[] = []
  readonly refused: string[] = []
  readonly over = new AbortController()
  readonly result: Promise<LiveResult>
  #tell: () => void = () => undefined

  constructor(home: Household) {
    const sink = {
      show: (thing: LiveThing) => {
        this.shown.push(thing)
        this.#tell()
      },
      refused: (error: { code: string }) => {
        this.refused.push(error.code)
        this.#tell()
      },
    }
    const { signal } = this.over
    this.result = findCamera(home, deviceId).then(camera => watchLive(home, camera, sink, { signal }))
    this.result.catch(() => undefined)
  }

  /** Resolves when that holds; rejects when the view ends before it. */
  async until(holds: () => boolean): Promise<void> {
    const ended = this.result.then(({ why }) => Promise.reject(new Error(`it ended: ${why}`)))
    ended.catch(() => undefined)
    while (!holds()) {
      const told = new Promise<void>(resolve => {
        this.#tell = resolve
      })
      await Promise.race([told, ended])
    }
  }

  pictures(): number {
    return this.shown.filter(({ type }) => type === 'key' || type === 'fragment').length
  }

  async sees(more: number): Promise<void> {
    const wanted = this.pictures() + more
    await this.until(() => this.pictures() >= wanted)
  }

  async leave(): Promise<LiveResult> {
    this.over.abort()
    return this.result
  }
}

test('three members watch at once, a session and a key for each, and leave when they like', async () => {
  const logged = agent.logged.length
  const watchers = homes.map(home => new Watcher(home))
  await Promise.all(watchers.map(watcher => watcher.sees(8)))
  for (const { shown, refused } of watchers) {
    expect(shown.slice(0, 2).map(({ type }) => type)).toEqual(['init', 'key'])
    expect(refused).toEqual([])
    // The camera’s clock and this machine’s are one here.
    for (const { at: taken } of shown) expect(Math.abs(Date.now() - taken)).toBeLessThan(30_000)
  }
  const live = passed.filter(({ kind }) => kind === 'live')
  expect(new Set(live.map(({ topic }) => topic)).size).toBe(3)
  for (const { payload } of live.filter(one => one.payload[0] === 1))
    for (const box of ['moof', 'mdat', 'ftyp']) expect(payload.includes(box)).toBe(false)
  for (const watcher of watchers) expect(await watcher.leave()).toMatchObject({ why: 'left', lost: 0 })
  let from = logged
  for (let count = 0; count < 3; count++) from = await agent.says('logged', /^live view ended$/, from)
  await agent.says('logged', /^clip kept$/, logged)
})

test('a hub that repeats, changes and makes up what it carries shows nothing else, and stops nothing', async () => {
  const [anna] = homes
  const old = passed.filter(({ kind }) => kind === 'live').map(({ payload }) => payload)
  const [offer, piece] = [0, 1].map(first => old.find(payload => payload[0] === first))
  const own = passed.length
  const watcher = new Watcher(anna as Household)
  await watcher.sees(4)
  const mine = passed.slice(own).filter(({ kind }) => kind === 'live')
  const topic = mine[0]?.topic ?? ''
  const repeated = mine.find(({ payload }) => payload[0] === 1)?.payload ?? Buffer.alloc(0)
  const changed = Buffer.from(repeated)
  changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1
  const before = watcher.shown.length
  const lies = [
    ...[repeated, changed, offer, piece, Buffer.alloc(0), Buffer.of(1, 0, 255)],
    Buffer.concat([Buffer.of(1), randomBytes(500)]),
  ]
  for (const lie of lies) await at.hub.broker.publish(topic, lie ?? Buffer.alloc(0))
  // An old offer is one too many; the other six are told.
  await watcher.until(() => watcher.refused.length >= 6)
  expect(watcher.refused.toSorted()).toEqual([...Array(5).fill('live.frame'), 'message.replayed'])
  await watcher.sees(4)
  expect(watcher.shown.slice(before).every(({ type }) => type !== 'end')).toBe(true)
  await watcher.leave()
})

test('commands that the hub repeats, makes up or brings from elsewhere do nothing, by code', async () => {
  const command = passed.find(({ kind }) => kind === 'command')
  const topic = command?.topic ?? ''
  const logged = agent.logged.length
  await at.hub.broker.publish(topic, command?.payload ?? Buffer.alloc(0))
  await agent.says('logged', /^refused: message\.replayed$/, logged)
  await at.hub.broker.publish(topic, randomBytes(300))
  const damaged = await agent.says('logged', /^refused: seal\.damaged$/, logged)
  await at.hub.broker.publish(topic, Buffer.alloc(127 * 1024, 'a'))
  await agent.says('logged', /^refused: seal\.damaged$/, damaged)
  expect(agent.logged.slice(logged)).not.toContain('live view begun')
})

test('a member who is removed sees no more; who stays is told that the home has changed, and goes on', async () => {
  const [anna, , carla] = homes as [Household, Household, Household]
  const [stays, goes] = [new Watcher(anna), new Watcher(carla)]
  await Promise.all([stays.sees(4), goes.sees(4)])
  await removeMember(anna, at.root, carla.member.id)
  await expect(goes.result).rejects.toMatchObject({ code: 'hub.unreachable' })
  expect(await stays.result).toMatchObject({ why: 'roster' })
  const again = new Watcher(anna)
  await again.sees(4)
  await again.leave()
  await expect(new Watcher(carla).result).rejects.toMatchObject({ code: 'enrol.member' })
})
