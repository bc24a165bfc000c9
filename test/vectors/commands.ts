import { commandKind } from '../../protocol/command.ts'
import { gapKind } from '../../protocol/messages.ts'
import { sealBytes, sealJws } from '../../protocol/sealed.ts'
import { makeStatement, type StatementKind } from '../../protocol/statement.ts'
import { newPerson, newSigner } from '../support/people.ts'
import type { CommandVector, CommandVectors } from './format.ts'

/** Commands to one camera, as it judges them. */
export async function commandVectors(): Promise<CommandVectors> {
  const [anna, ben, stranger, device] = await Promise.all(
    ['hybrid', 'hybrid', 'hybrid', 'hybrid'].map(() => newPerson('hybrid')),
  )
  if (!anna || !ben || !stranger || !device) throw new Error('nobody')
  const householdId = newSigner().id
  const at = '2026-11-24T12:00:00.000Z'
  const good = {
    ...{ audience: 'device', householdId, deviceId: device.signer.id, epoch: 3, roster: 2, counter: 10 },
    ...{ boot: 'b'.repeat(26), at, expires: '2026-11-24T12:01:00.000Z' },
    command: { do: 'live.start', session: 's'.repeat(26) },
  }
  const hybrid = [device.recipients.hybrid ?? '']
  const commands: CommandVector[] = []
  const add = async (
    name: string,
    expect: CommandVector['expect'],
    options: {
      change?: object
      by?: typeof anna
      to?: readonly string[]
      now?: string
      after?: readonly string[]
      kind?: StatementKind<unknown>
      bytes?: Uint8Array
    } = {},
  ) => {
    const { change = {}, by = anna, to = hybrid, now = at, after = [], kind = commandKind } = options
    const bytes =
      options.bytes ?? (await sealJws(await makeStatement(kind, { ...good, ...change }, by.signer), to))
    commands.push({ name, after, now, sealed: Buffer.from(bytes).toString('base64'), expect })
  }
  const taken = (by = anna, command: unknown = good.command) => ({ memberId: by.signer.id, command })
  const again = (name: string) => Buffer.from(commands.find(one => one.name === name)?.sealed ?? '', 'base64')

  await add('good', taken())
  await add('for X25519', taken(), { to: [device.recipients.x25519] })
  const stop = { do: 'live.stop', session: 's'.repeat(26) }
  await add('the next one', taken(anna, stop), { change: { counter: 11, command: stop }, after: ['good'] })
  await add('another member, whose counter is lower', taken(ben), {
    ...{ by: ben, change: { counter: 1 }, after: ['good'] },
  })
  await add('in its last moment', taken(), { now: '2026-11-24T12:01:00.000Z' })
  await add('from a clock that is a minute ahead', taken(), { now: '2026-11-24T11:59:00.000Z' })
  await add('the same again', 'message.replayed', { bytes: again('good'), after: ['good'] })
  await add('an older one', 'message.replayed', { change: { counter: 9 }, after: ['good'] })
  await add('the first, behind the next', 'message.replayed', {
    ...{ bytes: again('good'), after: ['the next one'] },
  })
  await add('refused once, a counter still counts', taken(), {
    ...{ bytes: again('good'), after: ['too late'] },
  })
  await add('too late', 'command.time', { change: { counter: 12 }, now: '2026-11-24T12:01:00.001Z' })
  await add('from a clock too far ahead', 'command.time', { now: '2026-11-24T11:58:59.999Z' })
  await add('before the camera’s start', 'command.boot', { change: { boot: 'c'.repeat(26) } })
  await add('to an earlier epoch', 'command.camera', { change: { epoch: 2 } })
  await add('to another camera', 'command.camera', { change: { deviceId: newSigner().id } })
  await add('of another home', 'command.camera', { change: { householdId: newSigner().id } })
  await add('by a stranger', 'command.member', { by: stranger })
  await add('by the camera itself', 'command.member', { by: device })
  await add('sealed to somebody else', 'seal.closed', { to: [anna.recipients.hybrid ?? ''] })
  const { audience, at: when, expires, command, ...envelope } = good
  const gap = {
    ...envelope,
    audience: 'household' as const,
    at: when,
    from: 1,
    to: 1,
    cause: 'disk' as const,
  }
  await add('another kind', 'statement.kind', {
    bytes: await sealJws(await makeStatement(gapKind, gap, anna.signer), hybrid),
  })
  await add('not signed', 'statement.kind', {
    bytes: await sealBytes(Buffer.from(JSON.stringify(good)), hybrid),
  })
  await add('not sealed', 'seal.damaged', {
    bytes: Buffer.from(await makeStatement(commandKind as StatementKind<unknown>, good, anna.signer)),
  })
  await add('cut short', 'seal.damaged', { bytes: again('good').subarray(0, -1) })
  return {
    camera: {
      ...{ householdId, deviceId: device.signer.id, epoch: 3, boot: good.boot },
      identities: device.identities,
      members: [anna.signer.id, ben.signer.id],
    },
    commands,
  }
}
