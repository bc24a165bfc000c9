import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { XMLParser } from 'fast-xml-parser'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { FleetOutcome } from '../../fleet/outcome.ts'
import { ROOT, temporaryFolder } from '../support/places.ts'

const LONG = process.env.OWNLENS_LONG === '1'
const run = promisify(execFile)

let folder: string
let remove: () => Promise<void>
beforeAll(async () => {
  ;({ path: folder, remove } = await temporaryFolder())
})
afterAll(() => remove())

async function fleet(scenario: string, ...args: readonly string[]) {
  const file = join(folder, 'scenario.yaml')
  await writeFile(file, scenario)
  const command = [join(ROOT, 'dist', 'ownlens.js'), 'fleet', file, ...args]
  return run(process.execPath, command, { maxBuffer: 2 ** 26 }).then(
    ({ stdout }) => ({ stdout, code: 0 }),
    ({ stdout, code }: { stdout: string; code: number }) => ({ stdout, code }),
  )
}

const SHORT = `
name: short
seed: 3
runs: 9s
homes:
  - name: A
    cameras: [{ name: Hall, visits: { first: 0s, every: 60s }, settings: { clip: { maxSeconds: 5 } } }]
  - name: B
    suite: x25519
    cameras: [{ name: Shop, network: dsl, visits: { first: 0s, every: 60s }, settings: { clip: { maxSeconds: 5 } } }]
networks: { dsl: { latency: 20ms, jitter: 10ms, kbits: 8000 } }
faults:
  - { what: power.cut@6s, on: A/Hall }
  - { what: network.gone@2s+2s, on: B/Shop }
expect: { clips: 1, faces: true }
`

test('real agents pair, are cut off, come back, and their homes open their clips; a neighbour opens none', async () => {
  const [xml, svg] = [join(folder, 'out.xml'), join(folder, 'out.svg')]
  const { stdout, code } = await fleet(SHORT, '--json', '--junit', xml, '--plot', svg)
  const outcome = JSON.parse(stdout) as FleetOutcome
  expect(outcome.devices.map(({ name, wrong }) => [name, wrong])).toEqual([
    ['A/Hall', []],
    ['B/Shop', []],
  ])
  expect(code).toBe(0)
  for (const { opened, deviceId } of outcome.devices) {
    expect(opened.faces).toBeGreaterThan(0)
    expect(opened.sound).toBe(opened.clips)
    expect(deviceId).toMatch(/^[a-z2-7]{52}$/)
  }
  expect(outcome.devices.map(({ faults }) => faults.map(({ fault }) => fault))).toEqual([
    ['power.cut'],
    ['network.gone'],
  ])
  expect(outcome.foreign.tried).toBeGreaterThan(0)
  expect(outcome.foreign).toMatchObject({ opened: 0, refusals: ['hub.forbidden'] })
  const { testsuites } = new XMLParser({ ignoreAttributes: false }).parse(await readFile(xml, 'utf8'))
  expect(testsuites.testsuite).toMatchObject({ '@_tests': '3', '@_failures': '0' })
  expect(await readFile(svg, 'utf8')).toContain('A/Hall')
})

test.runIf(LONG)(
  'what a scenario expects and does not get is told, with the shortest way to it again',
  async () => {
    const xml = join(folder, 'failed.xml')
    const { stdout, code } = await fleet(
      SHORT.replace('clips: 1', 'clips: 50'),
      ...['--only', 'B/*', '--junit', xml],
    )
    expect(code).toBe(1)
    expect(stdout).toContain('✗ B/Shop:')
    expect(stdout).toMatch(/again: npm run fleet -- \S+ --seed 3 --only B\/Shop/)
    const { testsuites } = new XMLParser({ ignoreAttributes: false }).parse(await readFile(xml, 'utf8'))
    expect(testsuites.testsuite['@_failures']).toBe('1')
  },
)
