import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type Running, runCommand, startCommand } from '../support/command.ts'
import { startTestHub, type TestHub } from '../support/test-hub.ts'

// The root key is locked as it is for people: each use of it costs a second or more.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 })

let at: TestHub
let pass: string
let words = ''
const running: Running[] = []
const folder = (name: string) => join(at.folder, name)
const home = (command: string[], input?: string) =>
  runCommand(['home', ...command, '--data', folder('home'), '--passphrase-file', pass], {}, input)
const told = (command: string[]) => runCommand(['home', ...command, '--data', folder('home')])
const png = () => join(folder('camera'), 'emulated', 'code.png')

beforeAll(async () => {
  at = await startTestHub()
  pass = folder('pass.txt')
  await writeFile(pass, 'of a test\n')
  const made = await home(['init', '--hub', at.hub.address, '--code', await at.hub.registrationCode()])
  expect(made.code).toBe(0)
  words = /^((?:[a-z]+ ){23}[a-z]+)$/m.exec(made.output)?.[1] ?? ''
})
afterAll(async () => {
  for (const command of running) await command.kill()
  await at?.close()
})

test('a household that was made shows its 24 words, and the next one in its folder is refused', async () => {
  expect(words.split(' ')).toHaveLength(24)
  const again = await home(['init', '--hub', at.hub.address, '--code', 'aaaa'])
  expect(again).toMatchObject({ code: 1 })
  expect(again.output).toContain('home.exists')
})

test('without a terminal the code is printed where no picture is wanted, and Ctrl-C gives it up', async () => {
  const pairing = startCommand(['home', 'pair', '--data', folder('home'), '--passphrase-file', pass])
  running.push(pairing)
  await pairing.says(/Hold this code before its lens/)
  expect(pairing.output()).toContain('█')
  const { code } = await pairing.kill('SIGINT')
  expect(code).toBe(1)
  expect(pairing.output()).toContain('pair.stopped')
})

test('an emulated camera is paired by a picture before its lens: no is no, yes is yes', async () => {
  const agent = startCommand(['agent', '--data', folder('camera'), '--camera', 'scene'])
  running.push(agent)
  await agent.says(/waiting to be paired/)
  const no = await home(['pair', '--png', png(), '--name', 'Hall'], 'n\n')
  expect(no).toMatchObject({ code: 1 })
  expect(no.output).toContain('pair.declined')
  expect(existsSync(png())).toBe(false)
  const yes = await home(['pair', '--png', png(), '--name', 'Hall'], 'y\n')
  expect(yes).toMatchObject({ code: 0 })
  expect(yes.output).toMatch(/Does the lamp blink the same\? \[y\/N\]/)
  expect(yes.output).toMatch(/Hall is yours: camera [a-z2-7]{52}, epoch 1\./)
  expect(existsSync(png())).toBe(false)
  await agent.says(/"msg":"paired"/)
  // The code that the person was shown is the one that the lamp blinked.
  const shown = /Here it is (\d) (\d) (\d) (\d)\./.exec(yes.output)?.slice(1).join('')
  expect(agent.output()).toContain(`"shortCode":"${shown}"`)
})

test('the cameras are told with state and seal, for people and for programs', async () => {
  await expect
    .poll(async () => JSON.parse((await told(['cameras', '--json'])).output).cameras[0]?.status?.roster, {
      timeout: 30_000,
      interval: 500,
    })
    .toBe(1)
  const { code, output } = await told(['cameras'])
  expect(code).toBe(0)
  expect(output).toMatch(/^Hall {2}\([a-z2-7]{52}, epoch 1\)$/m)
  expect(output).toContain('Paired.')
  expect(output).toContain('It seals to roster 1.')
})

test('what is not there, or is no more than a slip, is refused in plain words', async () => {
  for (const command of ['release', 'object', 'replace']) {
    const { code, output } = await home([command, 'Garden'])
    expect(code, command).toBe(1)
    expect(output).toContain('home.camera')
    expect(output).toContain('What to do: See `ownlens home cameras`')
  }
  const from = await told(['list', '--from', folder('nowhere')])
  expect(from).toMatchObject({ code: 1 })
  expect(from.output).toContain('home.from')
  const wrong = folder('wrong.txt')
  await writeFile(wrong, 'another\n')
  const locked = await runCommand(['home', 'pair', '--data', folder('home'), '--passphrase-file', wrong])
  expect(locked.output).toContain('home.passphrase')
})

test('names that are damaged are said to be so', async () => {
  const names = join(folder('home'), 'names.age')
  const good = await readFile(names)
  await writeFile(names, 'not names')
  const { code, output } = await told(['list'])
  await writeFile(names, good)
  expect(code).toBe(1)
  expect(output).toContain('home.damaged')
  expect(output).toContain('names.age')
})

test('an objection without a reset says so, and a release lets the camera go', async () => {
  const object = await home(['object', 'Hall'])
  expect(object.output).toContain('claim.no_reset')
  const release = await home(['release', 'Hall'])
  expect(release).toMatchObject({ code: 0 })
  expect((await told(['cameras'])).output).toContain('Released')
})

test('the words on standard input bring the household back; who is dropped is said', async () => {
  await mkdir(folder('new'), { recursive: true })
  const recover = (input: string) =>
    runCommand(
      ['home', 'recover', '--hub', at.hub.address, '--data', folder('new'), '--passphrase-file', pass],
      {},
      input,
    )
  expect((await recover('one two three\n')).output).toContain('home.words_needed')
  const { code, output } = await recover(
    `${words.split(' ').slice(0, 12).join(' ')}\n${words.split(' ').slice(12).join('\n')}\n`,
  )
  expect(code).toBe(0)
  expect(output).toMatch(/has a new root/)
  expect(output).toMatch(/^ {2}dropped: [a-z2-7]{52}$/m)
  expect(output).toContain('1 claims of this home’s cameras')
  const old = await home(['pair'])
  expect(old).toMatchObject({ code: 1 })
  expect(old.output).toMatch(/enrol\.member/)
})
