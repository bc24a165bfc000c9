import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fileKeyStore } from '../../hardware/key-store.ts'
import type { Household } from '../../home/household.ts'
import { disk } from '../../storage/disk.ts'
import { lockFolder } from '../../storage/lock.ts'
import { paired } from '../support/agent-at-hub.ts'
import { runCommand } from '../support/command.ts'
import { type HomeAtHub, homeAtHub } from '../support/home-at-hub.ts'

let at: HomeAtHub
let home: Household
let data: string

beforeAll(async () => {
  at = await homeAtHub({ suite: 'x25519' })
  home = at.home
  data = join(at.folder, 'camera')
  await disk.makeFolder(data)
  await paired(home, at.root, { data, keyStore: fileKeyStore(disk, data) })
})
afterAll(async () => {
  await at?.close()
})

test.each([
  [['agent', 'press', '--data'], [], 'short'],
  [['agent', 'press', '--hold', '--data'], [], 'hold'],
  [['agent', '--data'], ['press', '--new-key'], 'new-key'],
])('%j DATA %j presses %s', async (before, after, kind) => {
  expect(await runCommand([...before, data, ...after])).toMatchObject({ code: 0 })
  expect(await readFile(join(data, 'emulated', 'press'), 'utf8')).toBe(kind)
})

test('reset refuses while an agent runs', async () => {
  const unlock = lockFolder(data)
  try {
    const { code, output } = await runCommand(['agent', 'reset', '--data', data])
    expect(code).toBe(1)
    expect(output).toContain('data.in_use')
    expect(existsSync(join(data, 'household.json'))).toBe(true)
  } finally {
    unlock()
  }
})

test('reset forgets the household, tells the owner, and makes a new device when it is asked to', async () => {
  const { id } = await fileKeyStore(disk, data).signer()
  const { code, output } = await runCommand(['agent', 'reset', '--new-key', '--data', data])
  expect(code).toBe(0)
  expect(output).toContain('Done.')
  expect(existsSync(join(data, 'household.json'))).toBe(false)
  expect((await fileKeyStore(disk, data).signer()).id).not.toBe(id)
  const { tls } = await home.enrol()
  const answer = Buffer.from(await home.hub.getBytes(`/households/${home.id}/notices`, tls)).toString()
  expect(JSON.parse(answer).notices).toMatchObject([{ kind: 'reset', deviceId: id }])
})
