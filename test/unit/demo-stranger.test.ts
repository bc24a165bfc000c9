import { beforeAll, expect, test } from 'vitest'
import { Stranger } from '../../demo/stranger.ts'
import type { Household } from '../../home/household.ts'
import { writePart } from '../../protocol/part.ts'
import { sealBytes } from '../../protocol/sealed.ts'
import { newPerson, newSigner, type Person } from '../support/people.ts'

const victim = newSigner().id
const device = newSigner().id
let anna: Person
let spy: Person
beforeAll(async () => {
  anna = await newPerson('x25519')
  spy = await newPerson('x25519')
})

/** What is asked of a household here: who it is, and its keys. */
const strangerWith = (person: Person) =>
  new Stranger({ id: newSigner().id, identities: person.identities } as Pick<
    Household,
    'id' | 'identities'
  > as Household)
const topic = (rest: string) => `ownlens/1/${victim}/1/${device}/${rest}`
const clip = (part: string) => topic(`clip/${'a'.repeat(26)}/${part}`)

test('a stranger’s count is of what its keys open, and it would notice', async () => {
  const sealed = await sealBytes(Buffer.alloc(100_000, 'x'), [anna.recipients.x25519])
  const alert = await sealBytes(Buffer.from('who came'), [anna.recipients.x25519])
  for (const [person, opened] of [
    [spy, 0],
    [anna, 3],
  ] as const) {
    const stranger = strangerWith(person)
    stranger.tap(topic('alert'), alert)
    stranger.tap(clip('0'), writePart('video', sealed.subarray(0, 60_000)))
    stranger.tap(clip('1'), writePart('video', sealed.subarray(60_000)))
    // The beginning alone is enough to see something.
    stranger.tap(clip('0').replace(/a{26}/, 'b'.repeat(26)), writePart('video', sealed.subarray(0, 60_000)))
    // Without its beginning nobody opens anything.
    stranger.tap(clip('1').replace(/a{26}/, 'c'.repeat(26)), writePart('video', sealed.subarray(60_000)))
    expect(await stranger.tryAll()).toEqual({ tried: 4, opened })
  }
})
