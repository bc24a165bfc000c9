import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FAULTS, readFault, readSpan } from '../../fleet/faults.ts'
import { matches, planOf } from '../../fleet/plan.ts'
import { backAfter } from '../../fleet/play.ts'
import { readScenario, type ScenarioError } from '../../fleet/read-scenario.ts'
import { codeOf } from '../../protocol/errors.ts'

const mistakes = (text: string): string[] => {
  try {
    readScenario(text)
    return []
  } catch (error) {
    expect(codeOf(error)).toBe('fleet.scenario')
    const { mistakes: found } = error as ScenarioError
    return found.map(({ line, where, says }) => `line ${line}: ${where}: ${says}`)
  }
}

const GOOD = `
name: street
runs: 2m
homes:
  - name: Home
    count: 3
    cameras:
      - { name: Hall, count: 2, visits: { every: 10s } }
      - name: Yard
        network: dsl
networks:
  dsl: { latency: 20ms, kbits: 4000 }
faults:
  - { what: camera.unplug@5s+10s, on: Home 2/*, spread: 3s }
  - { what: hub.gone@1m+20s }
  - { what: power.cut@30s, on: '*/Yard' }
`

describe('a scenario', () => {
  test('is read with defaults, its times in milliseconds', () => {
    const scenario = readScenario(GOOD)
    expect(scenario).toMatchObject({ seed: 1, runs: 120_000, expect: { clips: 1, faces: false } })
    expect(scenario.faults[0]?.what).toEqual({ name: 'camera.unplug', at: 5000, lastsMs: 10_000 })
    expect(scenario.networks.dsl).toEqual({ latency: 20, jitter: 0, kbits: 4000 })
  })

  test('with mistakes names all of them at once, each with its line and what is allowed', () => {
    const found = mistakes(`
name: street
run: 2m
homes:
  - cameras:
      - name: Hall
        network: nowhere
        vists: { every: 10s }
      - { name: Yard, visits: { every: soon } }
  - name: B
faults:
  - what: camera.unplugged@5s+10s
  - what: power.cut@5s+1s
  - what: hub.gone@5s
expect: { clips: some }
`)
    const at = (line: number) => found.filter(text => text.startsWith(`line ${line}:`)).join()
    expect(at(3)).toContain('run: there is no such field; allowed are name, seed, runs')
    expect(at(8)).toContain(
      'homes[0].cameras[0].vists: there is no such field; allowed are name, count, scene, visits',
    )
    expect(at(9)).toContain('e.g. 30s')
    expect(at(10)).toContain('homes[1].cameras')
    expect(at(12)).toContain('allowed are camera.unplug, camera.busy')
    expect(at(13)).toContain('does not last')
    expect(at(14)).toContain('needs a duration')
    expect(at(15)).toContain('expect.clips')
    expect(found).toHaveLength(8)
  })

  test('names what only the whole can show: networks, the agent’s settings, whom a fault hits', () => {
    const found = mistakes(`
homes:
  - cameras:
      - network: nowhere
        settings: { clip: { maxSeconds: 5000 } }
faults:
  - what: hub.gone@5s+1s
    on: A/B
`)
    expect(found.map(text => text.slice(0, 7))).toEqual(['line 4:', 'line 5:', 'line 8:'])
    expect(found[1]).toContain('clip.maxSeconds')
  })

  test('that is no YAML is refused with its line, whatever it is', () => {
    expect(mistakes('homes:\n  - cameras: [\n')[0]).toMatch(/^line [23]:/)
    expect(mistakes('a: 1\na: 2\n')[0]).toMatch(/^line 2:/)
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), text => {
        expect(mistakes(text).length).toBeGreaterThan(0)
      }),
      { numRuns: 300 },
    )
  })
})

describe('a plan', () => {
  test('is the same for the same seed, and another for another one', () => {
    const scenario = readScenario(GOOD)
    fc.assert(
      fc.property(fc.nat(0xffffffff), seed => {
        const plan = planOf(scenario, seed)
        expect(planOf(scenario, seed)).toEqual(plan)
        expect(planOf(scenario, (seed + 1) % 0xffffffff).events).not.toEqual(plan.events)
        expect(plan.events.map(({ at }) => at)).toEqual(plan.events.map(({ at }) => at).sort((a, b) => a - b))
      }),
      { numRuns: 50 },
    )
  })

  test('has every device with its visits and faults; one device’s are its own, whoever else is there', () => {
    const scenario = readScenario(GOOD)
    const plan = planOf(scenario, 7)
    expect(plan.devices.map(({ name }) => name)).toContain('Home 2/Hall 1')
    expect(plan.devices).toHaveLength(9)
    const hit = (fault: string) =>
      plan.events
        .filter(event => event.what === 'begins' && event.fault === fault)
        .map(({ device }) => device)
    expect(hit('camera.unplug').sort()).toEqual(['Home 2/Hall 1', 'Home 2/Hall 2', 'Home 2/Yard'])
    expect(hit('power.cut').sort()).toEqual(['Home 1/Yard', 'Home 2/Yard', 'Home 3/Yard'])
    expect(hit('hub.gone')).toEqual([null])
    const fewer = planOf(readScenario(GOOD.replace('count: 3', 'count: 2')), 7)
    const of = ({ events }: typeof plan) => events.filter(({ device }) => device === 'Home 2/Hall 1')
    expect(of(fewer)).toEqual(of(plan))
    expect(of(plan).length).toBeGreaterThan(8)
  })

  test('names of devices match with * for any characters, and nothing else means anything', () => {
    expect(matches('Home 3/Hall', 'Home */Hall')).toBe(true)
    expect(matches('Home 3/Hall', 'Home 3')).toBe(false)
    expect(matches('Home.3/Hall', 'Home 3/Hall')).toBe(false)
    expect(matches('HomeX3/Hall', 'Home.3/Hall')).toBe(false)
  })
})

describe('a fault', () => {
  test('is read with its times; each one of the table is known', () => {
    for (const { name, lasts } of FAULTS)
      expect(readFault(`${name}@1.5s${lasts ? '+250ms' : ''}`)).toEqual({
        ...{ name, at: 1500, lastsMs: lasts ? 250 : null },
      })
    expect(['5', '5 s', '-5s', '5x', ''].map(readSpan)).toEqual(Array(5).fill(undefined))
  })

  test('is over when the device is itself again: its log tells', () => {
    const told = (...lines: [number, string][]) => lines.map(([at, msg]) => ({ at, msg }))
    expect(backAfter('camera.unplug', told([1, 'camera failed'], [9, 'camera opened']), 6)).toBe(3)
    expect(backAfter('camera.unplug', told([1, 'camera failed']), 6)).toBe('never')
    expect(backAfter('camera.unplug', told(), 6)).toBe(0)
    expect(backAfter('hub.gone', told([1, 'hub gone, trying again'], [7, 'connected']), 6)).toBe(1)
    // Lost to something else afterwards: that is not this fault's.
    expect(
      backAfter(
        'camera.unplug',
        told([1, 'camera failed'], [8, 'camera opened'], [20, 'camera failed'], [22, 'camera opened']),
        6,
      ),
    ).toBe(2)
    expect(backAfter('disk.full', told([1, 'camera failed']), 6)).toBe(null)
  })
})
