import { expect, test } from 'vitest'
import { type Session, Sessions } from '../../deploy/hub/sessions.ts'
import { anId } from '../support/stored-clips.ts'

const MIB = 1024 ** 2

function newSessions() {
  const ended: string[] = []
  const sessions = new Sessions((session, why) => ended.push(`${session.clientId}: ${why}`))
  const add = (clientId: string, owner: string, notAfter = 1000) => {
    const state = { behind: 0, over: false }
    const session: Session = {
      clientId,
      serial: clientId,
      name: { kind: 'member', householdId: anId('home'), id: owner },
      notAfter,
      hears: () => true,
      behind: () => state.behind,
      end: () => {
        state.over = true
      },
    }
    sessions.add(session)
    return { session, state }
  }
  return { sessions, ended, add }
}

test('sessions are found by their owner, and forgotten when they are over', () => {
  const { sessions, add } = newSessions()
  const [one, two, other] = [add('a.1', 'a'), add('a.2', 'a'), add('b.1', 'b')]
  expect(sessions.of('a')).toEqual([one.session, two.session])
  sessions.remove(one.session)
  sessions.remove(one.session)
  expect(sessions.of('a')).toEqual([two.session])
  expect(sessions.of('nobody')).toEqual([])
  sessions.end(two.session, 'over')
  expect([two.state.over, other.state.over]).toEqual([true, false])
  expect(sessions.clientIds).toEqual(['b.1'])
})

test('who comes again under one id takes its place; the older one going changes nothing', () => {
  const { sessions, add } = newSessions()
  const [old, young] = [add('a.1', 'a'), add('a.1', 'a')]
  sessions.remove(old.session)
  expect(sessions.clientIds).toEqual(['a.1'])
  expect(sessions.of('a')).toEqual([young.session])
})

test('a sweep ends those whose certificate has ended', () => {
  const { sessions, ended, add } = newSessions()
  add('a', 'a', 1000)
  add('b', 'b', 2000)
  sessions.sweep(999)
  expect(ended).toEqual([])
  sessions.sweep(1000)
  expect(ended).toEqual(['a: its certificate has ended'])
})

test('a sweep ends those who do not read, and lets those be who catch up', () => {
  const { sessions, ended, add } = newSessions()
  const [frozen, slow] = [add('frozen', 'a'), add('slow', 'b')]
  frozen.state.behind = MIB
  for (let sweep = 0; sweep < 20; sweep++) {
    slow.state.behind = sweep % 4 === 0 ? 0 : MIB
    sessions.sweep(0)
  }
  expect(ended).toEqual(['frozen: it does not read'])
  expect(frozen.state.over).toBe(true)
})

test('one more message may wait up to a limit, and all together up to another', () => {
  const { sessions, ended, add } = newSessions()
  const { session, state } = add('a', 'a')
  state.behind = 8 * MIB - 1
  expect(sessions.mayWait(session)).toBe(true)
  state.behind = 8 * MIB
  expect(sessions.mayWait(session)).toBe(false)
  expect(ended).toEqual(['a: it does not read'])
  for (let index = 0; index < 40; index++) add(`c${index}`, 'c').state.behind = 7 * MIB
  const healthy = add('healthy', 'd')
  sessions.sweep(0)
  expect(ended.filter(line => line.endsWith('too much waits'))).toHaveLength(40)
  expect(healthy.state.over).toBe(false)
})
