import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Commands } from '../../agent/commands.ts'
import { sealCommand } from '../../home/order-camera.ts'
import type { Claim } from '../../protocol/claim.ts'
import { codeOf } from '../../protocol/errors.ts'
import { newPerson, type Person } from '../support/people.ts'
import { vectors } from '../support/vectors.ts'
import type { CommandVectors } from '../vectors/format.ts'

const { camera, commands } = await vectors<CommandVectors>('commands')
const NOW = Date.UTC(2026, 10, 24, 12)

function cameraAt(now: () => number): Commands {
  const { householdId, deviceId, epoch, boot, identities, members } = camera
  const roster = { members: members.map(memberId => ({ memberId })) }
  return new Commands({
    household: { claim: { householdId, deviceId, epoch }, roster },
    ...{ identities, boot, clock: { now } },
  })
}

test.each(commands)('$name', async ({ name, expect: wanted }) => {
  let now = 0
  const own = cameraAt(() => now)
  const give = async (which: string) => {
    const vector = commands.find(one => one.name === which)
    now = Date.parse(vector?.now ?? '')
    return own.take(Buffer.from(vector?.sealed ?? '', 'base64')).catch(codeOf)
  }
  for (const before of commands.find(one => one.name === name)?.after ?? []) await give(before)
  expect(await give(name)).toEqual(wanted)
})

test('whatever order they come in, and however often: only what is newer counts', async () => {
  const device = await newPerson('x25519')
  const member = await newPerson('x25519')
  const { own, order } = await twoSides(device, member)
  const sealed = await Promise.all([1, 2, 3, 4, 5].map(() => order()))
  const cases = fc.array(fc.nat(4), { maxLength: 12 })
  await fc.assert(
    fc.asyncProperty(cases, async given => {
      const commands = own()
      let highest = -1
      for (const index of given) {
        const answer = await commands.take(sealed[index] ?? new Uint8Array()).catch(codeOf)
        if (index > highest) expect(answer).toMatchObject({ memberId: member.signer.id })
        else expect(answer).toBe('message.replayed')
        highest = Math.max(highest, index)
      }
    }),
    { numRuns: 30 },
  )
})

test('a flood is cut off, and what was taken before is done', async () => {
  const { own, order } = await twoSides(await newPerson('x25519'), await newPerson('x25519'))
  const commands = own()
  const first = commands.take(await order())
  const answers = Array.from({ length: 100 }, () => commands.take(randomBytes(100)).catch(codeOf))
  expect(await first).toMatchObject({ command: { do: 'live.stop' } })
  const codes = await Promise.all(answers)
  expect(codes.filter(code => code === 'seal.damaged')).toHaveLength(31)
  expect(codes.filter(code => code === 'command.many')).toHaveLength(69)
})

/** The app's side and the camera's, of one claim. */
async function twoSides(device: Person, member: Person) {
  const claim = {
    ...{ householdId: camera.householdId, deviceId: device.signer.id, epoch: 1 },
    deviceRecipients: device.recipients,
  } as Claim
  const roster = { number: 1, members: [{ memberId: member.signer.id }] }
  const home = { id: camera.householdId, member: member.signer, roster } as never
  const command = { do: 'live.stop', session: 'a'.repeat(26) } as const
  return {
    own: () =>
      new Commands({
        household: { claim, roster },
        identities: device.identities,
        ...{ boot: camera.boot, clock: { now: () => NOW } },
      }),
    order: () => sealCommand(home, { claim }, camera.boot, command, NOW),
  }
}
