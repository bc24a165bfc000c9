import { ok } from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { checkpointText } from '../../../log/checkpoint.ts'
import { consistencyProof, type Hash, leafHash, rootOf } from '../../../log/merkle.ts'
import { readNoteKey, signNote, writeNoteKey } from '../../../log/note.ts'
import { Witness } from '../../../log/witness.ts'
import type { Disk } from '../../../storage/disk.ts'
import type { Scenario } from '../faults/every-cut.ts'

interface Notes {
  /** `story size` of every head that was cosigned. */
  readonly cosigned: Set<string>
}

const NAME = 'example.com/log'
const keys = [0, 1].map(() => generateKeyPairSync('ed25519').privateKey) as [
  ReturnType<typeof generateKeyPairSync>['privateKey'],
  ReturnType<typeof generateKeyPairSync>['privateKey'],
]
const log = readNoteKey(writeNoteKey(NAME, 'signature', keys[0]))

/** Two stories that begin with the same two entries. */
function leaves(story: 'a' | 'b', size: number): readonly Hash[] {
  return Array.from({ length: size }, (_, at) => leafHash(Buffer.from(at < 2 ? `${at}` : `${story} ${at}`)))
}

function requestOf(story: 'a' | 'b', old: number, size: number): string {
  const all = leaves(story, size)
  const proof = consistencyProof(old, size, (from, to) => rootOf(all.slice(from, to)))
  const text = checkpointText({ origin: NAME, size, root: rootOf(all) })
  const lines = proof.map(hash => `${Buffer.from(hash).toString('base64')}\n`).join('')
  return `old ${old}\n${lines}\n${text}\n${signNote(text, NAME, keys[0])}`
}

const open = (disk: Disk) =>
  Witness.open({
    ...{ disk, data: '/data', name: 'w.example/1', key: keys[1], logs: [log] },
    now: () => new Date(0),
  })

async function ask(witness: Witness, { cosigned }: Notes, story: 'a' | 'b', size: number): Promise<void> {
  let answer = await witness.add(requestOf(story, 0, size))
  const known = Number(answer.body)
  if (answer.status === 409 && known <= size) answer = await witness.add(requestOf(story, known, size))
  if (answer.status === 200) cosigned.add(size <= 2 ? `${size}` : `${story} ${size}`)
}

/** A log that tells two stories asks for both, in this order and that, and an older head again. */
export const witness: Scenario<Notes> = {
  prepare: async () => ({ cosigned: new Set() }),
  async life(disk, notes) {
    const witness = await open(disk)
    for (const [story, size] of [
      ['a', 2],
      ['a', 3],
      ['b', 4],
      ['a', 5],
      ['a', 2],
    ] as const)
      await ask(witness, notes, story, size)
    ok(notes.cosigned.size > 0, 'nothing was cosigned')
  },
  async check(disk, notes) {
    const witness = await open(disk)
    for (const story of ['b', 'a'] as const) await ask(witness, notes, story, 6)
    const stories = new Set([...notes.cosigned].filter(one => one.includes(' ')).map(one => one[0]))
    ok(stories.size === 1, `both stories were cosigned: ${[...notes.cosigned].join(', ')}`)
    const newest = Math.max(...[...notes.cosigned].map(one => Number(one.split(' ').at(-1))))
    const again = await (await open(disk)).add(requestOf('a', 0, 1))
    ok(again.status === 409 && Number(again.body) === newest, `it has forgotten a head of ${newest} entries`)
  },
}
