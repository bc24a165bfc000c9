import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { covers, mayPublish, maySubscribe, rightsOf } from '../../deploy/hub/access.ts'
import type { CertificateName } from '../../protocol/registrar.ts'
import { anId } from '../support/stored-clips.ts'

/** MQTT 3.1.1 §4.7, as a regular expression: another way than the one that is tested. */
function matches(filter: string, topic: string): boolean {
  const levels = filter.split('/').map(level => {
    if (level === '+') return '[^/]*'
    return level === '#' ? '#' : level.replace(/[$^.*+?()[\]{}|\\]/g, '\\$&')
  })
  const text = levels.join('/')
  const pattern = text === '#' ? '.*' : text.replace(/\/#$/, '(/.*)?')
  // §4.7.2: what begins with a wildcard does not match what begins with $.
  if (/^[+#]/.test(filter) && topic.startsWith('$')) return false
  return new RegExp(`^${pattern}$`, 's').test(topic)
}

const name = fc.constantFrom('a', 'b', '', 'ownlens', '$SYS')
const topic = fc.array(name, { minLength: 1, maxLength: 5 }).map(levels => levels.join('/'))
const filter = fc
  .tuple(fc.array(fc.oneof(name, fc.constant('+')), { minLength: 0, maxLength: 4 }), fc.boolean())
  .filter(([levels, rest]) => levels.length > 0 || rest)
  .map(([levels, rest]) => [...levels, ...(rest ? ['#'] : [])].join('/'))
/** Rights begin with a name. */
const right = filter.filter(text => !/^[+#]/.test(text))

describe('covers', () => {
  test('a topic is covered exactly when the filter matches it', () => {
    fc.assert(fc.property(right, topic, (outer, inner) => covers(outer, inner) === matches(outer, inner)))
  })

  test('a covered filter matches nothing that the outer one does not', () => {
    fc.assert(
      fc.property(right, filter, fc.array(topic, { maxLength: 40 }), (outer, inner, topics) => {
        fc.pre(covers(outer, inner))
        for (const one of topics) if (matches(inner, one)) expect(matches(outer, one)).toBe(true)
      }),
      { numRuns: 400 },
    )
  })

  test('and a filter that is not covered matches something that the outer one does not', () => {
    fc.assert(
      fc.property(right, filter, (outer, inner) => {
        fc.pre(!covers(outer, inner))
        // A topic out of the inner filter that avoids every name of the outer one wherever it may.
        const written = inner.split('/').map(level => (level === '+' || level === '#' ? 'elsewhere' : level))
        const longer = inner.endsWith('#') ? [...written, 'x', 'x', 'x', 'x', 'x'] : written
        const shorter = inner.endsWith('/#') ? [written.slice(0, -1)] : []
        const found = [written, longer, ...shorter].map(levels => levels.join('/'))
        const beyond = found.filter(one => matches(inner, one) && !matches(outer, one))
        // `$` at the beginning and wildcards: nothing is matched at all.
        if (!/^[+#]/.test(inner)) expect(beyond.length).toBeGreaterThan(0)
      }),
      { numRuns: 400 },
    )
  })
})

const [home, other, device] = [anId('home'), anId('other'), anId('device')]
const camera: CertificateName = { kind: 'device', householdId: home, epoch: 3, id: device }
const member: CertificateName = { kind: 'member', householdId: home, id: anId('member') }
const own = `ownlens/1/${home}/3/${device}`
const clip = `clip/${'a'.repeat(26)}/open`

test.each([
  [`${own}/${clip}`, true, false],
  [`${own}/alert`, true, false],
  [`${own}/status`, true, false],
  [`${own}/gap`, true, false],
  [`${own}/live/${'a'.repeat(26)}`, true, false],
  [`${own}/command`, false, true],
  [`${own}/people`, false, true],
  [`${own}/ack`, false, false],
  [`${own}/other`, false, false],
  [`${own}/alert/x`, false, false],
  [`${own}/clip/x/open`, false, false],
  [own, false, false],
  [`ownlens/1/${home}/4/${device}/alert`, false, false],
  [`ownlens/1/${home}/4/${device}/command`, false, true],
  [`ownlens/1/${home}/3/${anId('neighbour')}/alert`, false, false],
  [`ownlens/1/${other}/3/${device}/alert`, false, false],
  [`ownlens/1/${other}/3/${device}/command`, false, false],
  [`ownlens/1/${home}/3/${device}/+`, false, false],
  ['$SYS/x', false, false],
  ['', false, false],
])('%s may be published by the camera: %s, by a member: %s', (text, byCamera, byMember) => {
  expect([mayPublish(camera, text), mayPublish(member, text)]).toEqual([byCamera, byMember])
})

test.each([
  [`${own}/command`, true, true],
  [`${own}/ack`, true, true],
  [`${own}/+`, false, true],
  [`${own}/#`, false, true],
  [`${own}/alert`, false, true],
  [`ownlens/1/${home}/#`, false, true],
  [`ownlens/1/${home}`, false, true],
  [`ownlens/1/${home}/+/+/alert`, false, true],
  [`ownlens/1/+/+/+/alert`, false, false],
  [`ownlens/1/#`, false, false],
  [`+/1/${home}/#`, false, false],
  [`ownlens/+/${home}/#`, false, false],
  [`ownlens/1/${other}/#`, false, false],
  [`$share/g/ownlens/1/${home}/#`, false, false],
  ['#', false, false],
  ['$SYS/#', false, false],
  [`ownlens/1/${home}/${'x'.repeat(300)}`, false, false],
])('%s may be subscribed by the camera: %s, by a member: %s', (text, byCamera, byMember) => {
  expect([maySubscribe(camera, text), maySubscribe(member, text)]).toEqual([byCamera, byMember])
})

test('no right reaches beyond its household, and writing and reading do not meet', () => {
  for (const name of [camera, member]) {
    const { write, read } = rightsOf(name)
    for (const text of [...write, ...read]) expect(text.startsWith(`ownlens/1/${home}/`)).toBe(true)
  }
  const { write, read } = rightsOf(camera)
  for (const wide of write)
    for (const narrow of read) expect(covers(wide, narrow) || covers(narrow, wide)).toBe(false)
})
