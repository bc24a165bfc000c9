import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { auditLog } from '../../log/audit/audit.ts'
import type { FindingKind } from '../../log/audit/finding.ts'
import { base32 } from '../../protocol/ids.ts'
import { incidentKind, reportKind } from '../../protocol/incident.ts'
import type { Signer } from '../../protocol/keys.ts'
import type { RecordContent } from '../../protocol/record.ts'
import { enrolmentKind } from '../../protocol/registrar.ts'
import { makeStatement } from '../../protocol/statement.ts'
import { disk } from '../../storage/disk.ts'
import { type Home, newHome, resetOf } from '../support/hub-people.ts'
import { TestMaker, TestSigner, type TestStation } from '../support/maker.ts'
import { newSigner } from '../support/people.ts'
import { temporaryFolder } from '../support/places.ts'
import { type Told, tellLog, writeLines } from '../support/told-log.ts'

const LONG = process.env.OWNLENS_LONG === '1'
/** In minutes. */
const DAY = 24 * 60
const nonce = () => base32(randomBytes(16))
const code = (wanted: string) => expect.objectContaining({ code: wanted })

let path: string
let remove: () => Promise<void>
let folders = 0
let maker: TestMaker
let station: TestStation
let lost: TestStation
let one: Home
let two: Home
const [signer, second] = [new TestSigner(), new TestSigner()]
const cameras = Array.from({ length: 12 }, newSigner)
const [a, b, c, d, e] = cameras as [Signer, Signer, Signer, Signer, Signer]
/** Everything that honest people do, once. */
let honest: readonly Told[]

const enrol = async (
  home: Home,
  who: Signer,
  {
    epoch,
    boot = nonce(),
    counter = 1,
    verdict = 'fresh' as 'fresh' | 'held' | 'cloned',
    by = who,
  }: {
    epoch?: number
    boot?: string
    counter?: number
    verdict?: 'fresh' | 'held' | 'cloned'
    by?: Signer
  } = {},
): Promise<RecordContent> => {
  const role =
    epoch === undefined ? ({ kind: 'member' } as const) : ({ kind: 'device', epoch, counter, boot } as const)
  const about = { id: who.id, householdId: home.id, tlsKey: 'ab'.repeat(32), caId: who.id }
  const enrolment = await makeStatement(enrolmentKind, { ...about, nonce: nonce(), role }, by)
  return { kind: 'enrolment', enrolment, verdict }
}
const claim = async (
  ...[home, camera, epoch, options]: [Home, Signer, number, object?]
): Promise<RecordContent> => ({
  kind: 'claim',
  claim: await home.claim(camera, epoch, options),
})
const registered = async (
  by: TestStation,
  serial: string,
  board: Signer,
  offline = false,
): Promise<RecordContent> => ({
  ...{ kind: 'registration', registration: await by.registration(serial, board), chain: by.chain, offline },
})
const said = async (
  kind: 'station' | 'signer',
  ...args: [string, number, boolean?, Signer?]
): Promise<RecordContent> => {
  const jws = await maker.says(kind, ...args)
  return kind === 'station' ? { kind, station: jws } : { kind, signer: jws }
}
const household = (roster: string, successions: readonly string[] = []): RecordContent => ({
  ...{ kind: 'household', roster, successions },
})
const blocked = async (...args: Parameters<Home['block']>): Promise<RecordContent> => ({
  kind: 'block',
  block: await one.block(...args),
})
const ordered = async (
  devices: readonly Signer[],
  {
    lift = false,
    both = false,
    by = signer,
    number,
  }: { lift?: boolean; both?: boolean; by?: TestSigner; number?: number } = {},
): Promise<RecordContent> => {
  const block = await by.order(devices, { blocked: !lift, ...(number !== undefined && { number }) })
  return { kind: 'makerBlock', block, second: both ? await second.second(block) : null }
}
const reported = async (home: Home, member: Signer, by = member): Promise<RecordContent> => {
  const about = {
    householdId: home.id,
    memberId: member.id,
    deviceId: null,
    says: '',
    evidence: 'ab'.repeat(32),
  }
  const time = new Date().toISOString()
  const payload = { ...about, seenAt: time, log: null, issuedAt: time }
  return { kind: 'report', report: await makeStatement(reportKind, payload, by) }
}
const operator = newSigner()
const incidentId = nonce()
const answered = async (number: number, by = operator): Promise<RecordContent> => {
  const time = new Date().toISOString()
  const words = { title: 'Two homes', cause: null, fix: null, release: null }
  const payload = {
    incidentId,
    number,
    state: 'open' as const,
    ...words,
    devices: [],
    reports: [],
    awareAt: time,
    issuedAt: time,
  }
  return { kind: 'incident', incident: await makeStatement(incidentKind, payload, by) }
}

beforeAll(async () => {
  ;({ path, remove } = await temporaryFolder())
  maker = await TestMaker.make()
  ;[station, lost] = [await maker.station(), await maker.station('Line 2')]
  ;[one, two] = await Promise.all([newHome(), newHome()])
  const [boot, newRoot] = [nonce(), newSigner()]
  const succession = await one.succession(newRoot)
  const told: [minute: number, content: RecordContent | Promise<RecordContent>][] = [
    [0, said('station', station.signer.id, 1)],
    [0, said('signer', signer.signer.id, 1)],
    [0, said('signer', second.signer.id, 1)],
    [1, registered(station, 'OL-1', a)],
    [1, registered(station, 'OL-2', b)],
    [1, { kind: 'idevid', chain: await station.idevid('OL-3', c) }],
    [2, household(one.first)],
    [2, household(two.first)],
    [3, enrol(one, one.founder)],
    [3, claim(one, a, 1)],
    [4, enrol(one, a, { epoch: 1, boot })],
    // Renewed, started anew, and once more: starts follow one another.
    [5, enrol(one, a, { epoch: 1, boot, counter: 2 })],
    [6, enrol(one, a, { epoch: 1, counter: 3 })],
    [7, enrol(one, a, { epoch: 1, counter: 3, verdict: 'held' })],
    [8, claim(one, b, 1)],
    [9, blocked(1, [[a, 1]])],
    [10, blocked(2, [[a, 1]], { blocked: false })],
    [11, enrol(one, a, { epoch: 1, counter: 9 })],
    [12, { kind: 'release', release: await one.release(a, 1) }],
    [13, claim(two, a, 3, { registrarEpoch: 2 })],
    [14, { kind: 'reset', reset: await resetOf(b, 1, one.id) }],
    [14 + 3 * DAY, claim(two, b, 2)],
    [15 + 3 * DAY, enrol(two, b, { epoch: 2 })],
    [16 + 3 * DAY, { kind: 'serial', serial: await maker.word('OL-1', d, 7) }],
    [17 + 3 * DAY, ordered([b])],
    [18 + 3 * DAY, ordered([b], { lift: true })],
    [19 + 3 * DAY, enrol(two, b, { epoch: 2 })],
    [20 + 3 * DAY, ordered(cameras, { both: true })],
    [21 + 3 * DAY, { kind: 'move', move: await two.move(1, 'https://127.0.0.1:1') }],
    [22 + 3 * DAY, reported(one, one.founder)],
    [23 + 3 * DAY, answered(1)],
    [24 + 3 * DAY, answered(2)],
    [
      25 + 3 * DAY,
      household(await one.roster({ number: 2, prev: one.first, root: newRoot, generation: 1 }), [succession]),
    ],
    [26 + 3 * DAY, said('station', station.signer.id, 2, false)],
  ]
  honest = await Promise.all(told.map(async ([minute, content]) => ({ minute, content: await content })))
})
afterAll(() => remove())

async function audit(told: readonly Told[], open: (position: number) => boolean = () => true, root = true) {
  const folder = join(path, String(folders++))
  const { log, lines, records } = await tellLog(folder, told)
  await writeLines(
    records,
    lines.filter(({ position }) => open(position)),
  )
  const { size, root: hash } = log
  return auditLog(disk, folder, { size, root: hash }, { records, makerRoot: root ? maker.root : undefined })
}
const later = (content: RecordContent, minutes = 60): Told => ({ minute: 30 + 3 * DAY + minutes, content })

describe('what honest people do', () => {
  test('is found to be so, to the last record', async () => {
    const { findings, opened, closed, kinds, unjudged } = await audit(honest)
    expect(findings).toEqual([])
    expect({ opened, closed, unjudged }).toEqual({ opened: honest.length, closed: 0, unjudged: 0 })
    expect(Object.keys(kinds)).toHaveLength(15)
  })

  test('also when a registrar that was restored is told all of it again', async () => {
    // All but requests for certificates: each has a nonce of its own.
    const again = honest.filter(({ content }) => content.kind !== 'enrolment')
    expect((await audit([...honest, ...again.map(({ content }) => later(content))])).findings).toEqual([])
  })

  test('makes nobody guilty, whatever of it is withheld', async () => {
    const subsets = fc.array(fc.boolean(), { minLength: honest.length, maxLength: honest.length })
    await fc.assert(
      fc.asyncProperty(subsets, async open => {
        const { findings, closed } = await audit(honest, position => open[position] ?? false)
        expect(findings.filter(({ certain }) => certain)).toEqual([])
        expect(closed).toBe(open.filter(isOpen => !isOpen).length)
      }),
      { seed: 1, numRuns: LONG ? 300 : 8 },
    )
  }, 300_000)

  test('also when an order comes late, and when a lift is of an epoch that is over', async () => {
    const late = [
      await blocked(7, [[a, 1]]),
      // For one camera it is old; for the other nothing newer was said.
      await blocked(5, [
        [a, 1],
        [b, 1],
      ]),
      await blocked(6, [[b, 1]], { blocked: false }),
      await blocked(8, [[a, 1]], { blocked: false }),
    ]
    const told = late.map(content => ({ minute: 9, content }))
    const before = honest.filter(({ minute }) => minute < 9)
    const after = honest.filter(({ minute }) => minute > 10)
    expect((await audit([...before, ...told, ...after])).findings).toEqual([])
    const over = await blocked(9, [[a, 1]], { blocked: false })
    expect((await audit([...honest.slice(0, 20), { minute: 13, content: over }])).findings).toEqual([])
  })

  test('is judged without the maker’s root as far as it can be', async () => {
    const { findings, unjudged, makerRoot } = await audit(honest, undefined, false)
    expect({ findings, unjudged, makerRoot }).toEqual({
      findings: [],
      unjudged: 1,
      makerRoot: maker.signer.id,
    })
  })
})

/** Each behind the honest story, or in the place of one of its records. */
const FAULTS: readonly [name: string, kind: FindingKind, make: () => Promise<readonly Told[]>][] = [
  [
    'a serial that two boards bear',
    'serial',
    async () => [...honest.slice(0, -1), later(await registered(station, 'OL-2', e, true))],
  ],
  [
    'a board under two serials',
    'serial',
    async () => [...honest.slice(0, -1), later(await registered(station, 'OL-9', b))],
  ],
  [
    'two boards with one key, in turns',
    'board',
    async () => {
      const boots = [nonce(), nonce()]
      const turns = [0, 1, 0].map(at => enrol(two, a, { epoch: 3, boot: boots[at] ?? '' }))
      const free = later(await ordered([a], { lift: true, both: true }), 0)
      return [...honest, free, ...(await Promise.all(turns)).map(content => later(content))]
    },
  ],
  [
    'a key that the registrar has found on two boards',
    'board',
    async () => [...honest, later(await enrol(two, a, { epoch: 3, verdict: 'cloned' }))],
  ],
  [
    'one epoch that two households claimed',
    'epoch',
    async () => honest.flatMap(told => (told.minute === 8 ? [told, { minute: 8, content: two8 }] : [told])),
  ],
  ['a second claim of one epoch', 'claim', async () => insert(8, await claim(one, b, 1))],
  [
    'a claim made for an epoch that was over',
    'claim',
    async () => insert(13, await claim(two, a, 4, { registrarEpoch: 2 })),
  ],
  ['a claim that leaps', 'claim', async () => insert(8, await claim(one, e, 7, { registrarEpoch: 6 }))],
  [
    'a camera taken over without a word',
    'taken',
    async () => replace(12, await reported(one, one.founder), await claim(two, a, 2), 13),
  ],
  [
    'a camera taken over before the wait was over',
    'taken',
    async () =>
      honest.map(told => (told.minute === 14 + 3 * DAY ? { ...told, minute: told.minute - 1 } : told)),
  ],
  [
    'a claim by a root that nobody knows',
    'signer',
    async () => insert(8, await claim(one, e, 1, { root: newSigner() })),
  ],
  [
    'a claim of a household that was never told',
    'signer',
    async () => insert(8, await claim(await newHome(), e, 1)),
  ],
  ['a claim by a root that was replaced', 'signer', async () => [...honest, later(await claim(one, e, 1))]],
  [
    'a roster by a stranger',
    'signer',
    async () => insert(8, household(await one.roster({ number: 2, prev: one.first, root: newSigner() }))),
  ],
  ['an older roster', 'order', async () => [...honest, later(household(await two.roster({ number: 1 })))]],
  [
    'a release by a stranger',
    'signer',
    async () => insert(8, { kind: 'release', release: await one.release(b, 1, newSigner()) }),
  ],
  [
    'a release by another household',
    'signer',
    async () => insert(8, { kind: 'release', release: await two.release(b, 1) }),
  ],
  [
    'an order by a stranger',
    'signer',
    async () => insert(8, await blocked(1, [[a, 1]], { root: newSigner() })),
  ],
  ['an order about another’s camera', 'signer', async () => insert(13, await blocked(3, [[a, 3]]))],
  [
    'an order that is older than the lift that stands',
    'order',
    async () => insert(10, await blocked(1, [[a, 1]], { blocked: true })),
  ],
  [
    'a claim of a blocked camera',
    'blocked',
    async () => insert(9, await claim(one, a, 2)).filter(told => told.minute < 10),
  ],
  [
    'a certificate for a camera whose order came before its claim',
    'blocked',
    async () => {
      const [order, late, asks] = [
        await blocked(1, [[e, 1]]),
        await claim(one, e, 1),
        await enrol(one, e, { epoch: 1 }),
      ]
      return [
        ...honest.filter(told => told.minute < 9),
        ...[order, late, asks].map(content => ({ minute: 9, content })),
      ]
    },
  ],
  ['a certificate for a blocked camera', 'blocked', async () => insert(9, await enrol(one, a, { epoch: 1 }))],
  [
    'a certificate for a camera that the maker blocks',
    'blocked',
    async () => insert(17 + 3 * DAY, await enrol(two, b, { epoch: 2 })),
  ],
  [
    'a certificate in an epoch that is over',
    'signer',
    async () => insert(19 + 3 * DAY, await enrol(one, b, { epoch: 1 })),
  ],
  [
    'a certificate for somebody who is no member',
    'signer',
    async () => insert(8, await enrol(one, newSigner())),
  ],
  [
    'a certificate that another asked for',
    'signer',
    async () => insert(8, await enrol(one, a, { epoch: 1, by: e })),
  ],
  [
    'a board of a station that nobody announced',
    'station',
    async () => insert(8, await registered(lost, 'OL-8', e)),
  ],
  [
    'a board of a revoked station',
    'station',
    async () => [...honest, later(await registered(station, 'OL-8', e))],
  ],
  [
    'a station that another maker certified',
    'station',
    async () =>
      insert(8, {
        ...(await registered(station, 'OL-8', e)),
        chain: (await (await TestMaker.make()).station()).chain,
      } as RecordContent),
  ],
  [
    'a board’s certificate of another maker',
    'station',
    async () =>
      insert(8, {
        kind: 'idevid',
        chain: await (await (await TestMaker.make()).station()).idevid('OL-8', e),
      }),
  ],
  [
    'a station announced by a stranger',
    'signer',
    async () => insert(8, await said('station', lost.signer.id, 1, true, newSigner())),
  ],
  [
    'a word on a station that is older',
    'order',
    async () => [...honest, later(await said('station', station.signer.id, 1))],
  ],
  [
    'a serial given away by a stranger',
    'signer',
    async () => insert(8, { kind: 'serial', serial: await maker.word('OL-2', e, 3, newSigner()) }),
  ],
  [
    'a maker’s order by nobody',
    'signer',
    async () => [...honest, later(await ordered([a], { by: new TestSigner() }))],
  ],
  [
    'a thousand by one signer',
    'signer',
    async () => [...honest, later(await ordered(cameras.slice(0, 11)), 2 * DAY)],
  ],
  [
    'more than ten within a day, in small orders',
    'signer',
    async () => [
      ...honest,
      later(await ordered(cameras.slice(0, 6)), 2 * DAY),
      later(await ordered(cameras.slice(6, 12)), 3 * DAY - 5),
    ],
  ],
  [
    'a maker’s order that is older',
    'order',
    async () => [...honest, later(await ordered([a], { number: 5 }))],
  ],
  ['a report by somebody else', 'signer', async () => insert(8, await reported(one, newSigner()))],
  [
    'a report in another’s name',
    'signer',
    async () => insert(8, await reported(one, one.founder, newSigner())),
  ],
  [
    'an incident of another operator',
    'signer',
    async () => [...honest, later(await answered(3, newSigner()))],
  ],
  ['an incident that goes back', 'order', async () => [...honest, later(await answered(1))]],
  [
    'a statement that does not hold',
    'statement',
    async () => insert(8, { kind: 'release', release: `${(await one.release(b, 1)).slice(0, -8)}AAAAAAAA` }),
  ],
  [
    'words that nobody knows',
    'statement',
    async () => insert(8, { kind: 'gossip' } as unknown as RecordContent),
  ],
]

let two8: RecordContent
beforeAll(async () => {
  two8 = await claim(two, b, 1)
})

function insert(minute: number, content: RecordContent): readonly Told[] {
  const at = honest.findLastIndex(told => told.minute === minute)
  return honest.toSpliced(at + 1, 0, { minute, content })
}

/** Two records in the place of two others; those that build upon them are left out. */
function replace(minute: number, content: RecordContent, other: RecordContent, to: number): readonly Told[] {
  return honest.flatMap(told =>
    told.minute === minute
      ? [{ minute, content }]
      : told.minute === to
        ? [{ minute: to, content: other }]
        : [told],
  )
}

describe('what is found', () => {
  test.each(FAULTS)('%s', async (_name, kind, make) => {
    const told = await make()
    const { findings } = await audit(told)
    expect(findings.map(finding => finding.kind)).toEqual([kind])
    expect(findings[0]?.certain).toBe(true)
    for (const position of findings[0]?.positions ?? [-1]) expect(told[position]).toBeDefined()
  })

  test('names serial, devices, households and every entry', async () => {
    const told = [...honest.slice(0, -1), later(await registered(station, 'OL-2', e, true))]
    expect((await audit(told)).findings).toMatchObject([
      { kind: 'serial', serials: ['OL-2'], devices: [b.id, e.id], positions: [4, told.length - 1] },
    ])
    const epoch = honest.flatMap(one => (one.minute === 8 ? [one, { minute: 8, content: two8 }] : [one]))
    expect((await audit(epoch)).findings).toMatchObject([
      { kind: 'epoch', devices: [b.id], households: [one.id, two.id], positions: [14, 15] },
    ])
  })

  test('is said to be uncertain where a closed record could explain it', async () => {
    // The station’s announcement is withheld, and the release before the claim.
    const { findings } = await audit(honest, position => position !== 0 && honest[position]?.minute !== 12)
    expect(findings.length).toBeGreaterThan(0)
    expect(findings.every(({ certain }) => !certain)).toBe(true)
  })
})

describe('records that are not the log’s', () => {
  test.each([
    ['another content', 'log.record', (line: object) => ({ ...line, content: '{}' })],
    ['another salt', 'log.record', (line: object) => ({ ...line, salt: 'A'.repeat(43) })],
    ['another position', 'log.record', (line: object) => ({ ...line, position: 3 })],
    ['a position beyond the end', 'log.records', (line: object) => ({ ...line, position: 999 })],
    ['another form', 'log.records', (line: object) => ({ ...line, more: 1 })],
  ])('%s', async (_what, wanted, change) => {
    const folder = join(path, String(folders++))
    const { log, lines, records } = await tellLog(folder, honest.slice(0, 8))
    await writeLines(records, [lines[0], change(lines[2] ?? {})] as never)
    const { size, root } = log
    const options = { records, makerRoot: maker.root }
    await expect(auditLog(disk, folder, { size, root }, options)).rejects.toThrow(code(wanted))
    await writeLines(records, [lines[2], lines[0]] as never)
    await expect(auditLog(disk, folder, { size, root }, options)).rejects.toThrow(code('log.records'))
  })
})

test('a log of which nothing is opened is whole, and says nothing', async () => {
  const { opened, closed, findings } = await audit(honest, () => false)
  expect({ opened, closed, findings }).toEqual({ opened: 0, closed: honest.length, findings: [] })
})
