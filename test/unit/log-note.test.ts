import { generateKeyPairSync } from 'node:crypto'
import { expect, test } from 'vitest'
import { checkpointText, openCheckpoint } from '../../log/checkpoint.ts'
import { EMPTY_ROOT } from '../../log/merkle.ts'
import { cosignNote, openNote, readNoteKey, signNote, writeNoteKey } from '../../log/note.ts'

// The example of Go's golang.org/x/mod/sumdb/note.
const PETER = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'
const TEXT =
  'If you think cryptography is the answer to your problem,\nthen you don’t know what your problem is.\n'.replace(
    '’',
    "'",
  )
const PETERS =
  '— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n'

const NAME = 'example.com/log'
const log = generateKeyPairSync('ed25519').privateKey
const witness = generateKeyPairSync('ed25519').privateKey
const logKey = readNoteKey(writeNoteKey(NAME, 'signature', log))
const witnessKey = readNoteKey(writeNoteKey('w.example/1', 'cosignature', witness))
const head = { origin: NAME, size: 0, root: EMPTY_ROOT }
const code = (wanted: string) => expect.objectContaining({ code: wanted })

test('a published note opens with its published key', () => {
  const { text, signedBy } = openNote(`${TEXT}\n${PETERS}`, [readNoteKey(PETER)])
  expect(text).toBe(TEXT)
  expect(signedBy.map(({ name }) => name)).toEqual(['PeterNeumann'])
})

test('a text, a signature or a key id that was changed is refused or passed over', () => {
  const keys = [readNoteKey(PETER)]
  const note = `${TEXT}\n${PETERS}`
  expect(() => openNote(note.replace('answer', 'Answer'), keys)).toThrow(code('log.note'))
  expect(() => openNote(note.replace('wJnAM=', 'wJnAA='), keys)).toThrow(code('log.note'))
  expect(openNote(note.replace('x08go', 'y08go'), keys).signedBy).toEqual([])
  for (const form of [
    '',
    '\n',
    TEXT,
    note.slice(0, -1),
    note.replace('— ', '- '),
    note.replace('is.', 'is.\r'),
  ])
    expect(() => openNote(form, keys)).toThrow(code('log.note'))
  expect(() => openNote(`${TEXT}\n${PETERS.repeat(65)}`, keys)).toThrow(code('log.note'))
  expect(() => openNote(`${'x'.repeat(70_000)}\n\n${PETERS}`, keys)).toThrow(code('log.note'))
})

test('keys of another form, or whose id is another’s, are refused', () => {
  const other = PETER.replace('c74f20a3', 'c74f20a4')
  for (const text of [
    '',
    'a+b',
    other,
    PETER.slice(0, -4),
    PETER.replace('+AR', '+BR'),
    PETER.replace('Peter', 'P '),
  ])
    expect(() => readNoteKey(text)).toThrow(code('log.key'))
})

test('a head is its log’s, and names the witnesses whose cosignatures hold', () => {
  const text = checkpointText(head)
  const own = signNote(text, NAME, log)
  const cosigned = cosignNote(text, 'w.example/1', witness, 1_700_000_000)
  expect(openCheckpoint(`${text}\n${own}${cosigned}`, logKey, [witnessKey])).toEqual({
    ...head,
    witnesses: ['w.example/1'],
  })
  expect(openCheckpoint(`${text}\n${own}`, logKey, [witnessKey]).witnesses).toEqual([])
  // A witness that nobody named proves nothing.
  expect(openCheckpoint(`${text}\n${own}${cosigned}`, logKey).witnesses).toEqual([])
  expect(() => openCheckpoint(`${text}\n${cosigned}`, logKey, [witnessKey])).toThrow(code('log.checkpoint'))
  // A cosignature of another head.
  const stale = cosignNote(checkpointText({ ...head, size: 1 }), 'w.example/1', witness, 1_700_000_000)
  expect(() => openCheckpoint(`${text}\n${own}${stale}`, logKey, [witnessKey])).toThrow(code('log.note'))
})

test.each([
  ['another log’s name', `example.com/other\n0\n${Buffer.from(EMPTY_ROOT).toString('base64')}\n`],
  ['a size with a nought before', `${NAME}\n01\n${Buffer.from(EMPTY_ROOT).toString('base64')}\n`],
  ['a size below nought', `${NAME}\n-1\n${Buffer.from(EMPTY_ROOT).toString('base64')}\n`],
  [
    'a size that no number holds',
    `${NAME}\n9999999999999999\n${Buffer.from(EMPTY_ROOT).toString('base64')}\n`,
  ],
  ['a short root', `${NAME}\n0\nAAAA\n`],
  ['no root', `${NAME}\n0\n`],
])('what its log has signed with %s is no head', (_what, text) => {
  expect(() => openCheckpoint(`${text}\n${signNote(text, NAME, log)}`, logKey)).toThrow(
    code('log.checkpoint'),
  )
})
