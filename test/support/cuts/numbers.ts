import { deepEqual, equal, ok } from 'node:assert/strict'
import type { Household } from '../../../agent/household.ts'
import { Enrolment } from '../../../agent/identity/enrol.ts'
import { Sequence } from '../../../agent/sequence.ts'
import { OwnlensError } from '../../../protocol/errors.ts'
import { makePrivateKey, type Signer, signerOf } from '../../../protocol/keys.ts'
import type { EnrolmentRole, HubClient } from '../../../wire/hub-client.ts'
import type { Scenario } from '../faults/every-cut.ts'
import { anId } from '../stored-clips.ts'

const hashOf = (counter: number): string => String(counter).padStart(64, '0')

/** Clips that overlap take numbers and are finished; a number is never given again. */
export const clipNumbers: Scenario<{ given: number[]; finished: number }> = {
  prepare: async () => ({ given: [], finished: 0 }),
  async life(disk, notes) {
    const sequence = await Sequence.open(disk, '/data', 1)
    const clip = async () => {
      const number = await sequence.take()
      notes.given.push(number)
      await sequence.finished(number, hashOf(number))
      notes.finished = number
    }
    await Promise.all([clip(), clip()])
    await clip()
    // The process that was killed had not told anybody of the one before the last.
    deepEqual(
      notes.given,
      [...new Set(notes.given)].sort((a, b) => a - b),
    )
  },
  async check(disk, notes) {
    const sequence = await Sequence.open(disk, '/data', 1)
    const { counter = 0, sha256 = hashOf(0) } = sequence.previous ?? {}
    equal(sha256, hashOf(counter))
    ok(counter >= notes.finished, `the chain goes back to ${counter}, after ${notes.finished}`)
    const next = await sequence.take()
    ok(!notes.given.includes(next), `${next} is given again`)
    notes.given.push(next)
  },
}

/** The counter that goes with every request for a certificate: a copied key is found by it. */
export const enrolmentCounter: Scenario<{ sent: number[]; signer: Signer }> = {
  prepare: async () => ({ sent: [], signer: signerOf(makePrivateKey()) }),
  async life(disk, { sent, signer }) {
    const enrolment = new Enrolment({ disk, data: '/data', signer, boot: anId('boot') })
    const away = hubThatIsAway(sent)
    for (let tries = 0; tries < 3; tries++)
      await enrolment.identity(away, household).catch((error: OwnlensError) => {
        equal(error.code, 'hub.unreachable')
      })
    deepEqual(
      sent,
      [...new Set(sent)].sort((a, b) => a - b),
    )
  },
  async check(disk, notes) {
    await this.life(disk, notes)
  },
}

const household = { claim: { householdId: anId('home'), epoch: 1, deviceId: anId('camera') } } as Household

/** The request gets there, and the connection breaks before the answer comes. */
function hubThatIsAway(sent: number[]): HubClient {
  const enrol = async ({ role }: { role: EnrolmentRole }) => {
    if (role.kind === 'device') sent.push(role.counter)
    throw new OwnlensError('hub.unreachable')
  }
  return { enrol } as unknown as HubClient
}
