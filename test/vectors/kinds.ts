import { claimKind, halfKind } from '../../protocol/claim.ts'
import { manifestKind, openingKind, runningHashKind } from '../../protocol/clip.ts'
import { commandKind } from '../../protocol/command.ts'
import { deletionKind } from '../../protocol/deletion.ts'
import { answerKind, incidentKind, receiptKind, reportKind } from '../../protocol/incident.ts'
import { liveKind } from '../../protocol/live.ts'
import { logKind } from '../../protocol/log.ts'
import { birthKind, registrationKind, serialKind } from '../../protocol/maker.ts'
import { makerBlockKind, secondKind } from '../../protocol/maker-block.ts'
import { makerKeyKinds } from '../../protocol/maker-keys.ts'
import { alertKind, gapKind, statusKind } from '../../protocol/messages.ts'
import { blockKind, moveKind, releaseKind, resetKind } from '../../protocol/ownership.ts'
import { revealKind } from '../../protocol/pairing.ts'
import { ackKind, enrolmentKind, nonceKind, requestKind } from '../../protocol/registrar.ts'
import { recipientKind, rosterKind, successionKind } from '../../protocol/roster.ts'
import { standingKind } from '../../protocol/standing.ts'
import type { StatementKind } from '../../protocol/statement.ts'
import { incidentCases } from './kinds-incident.ts'
import { actionCases, ownershipCases } from './kinds-ownership.ts'

/** Every kind of statement there is. */
export const KINDS: readonly StatementKind<unknown>[] = [
  recipientKind,
  rosterKind,
  successionKind,
  halfKind,
  claimKind,
  revealKind,
  releaseKind,
  resetKind,
  blockKind,
  moveKind,
  nonceKind,
  requestKind,
  enrolmentKind,
  openingKind,
  runningHashKind,
  manifestKind,
  ackKind,
  alertKind,
  statusKind,
  gapKind,
  commandKind,
  liveKind,
  birthKind,
  registrationKind,
  serialKind,
  makerKeyKinds.station,
  makerKeyKinds.signer,
  makerBlockKind,
  secondKind,
  standingKind,
  logKind,
  deletionKind,
  reportKind,
  receiptKind,
  answerKind,
  incidentKind,
]

type Fields = Readonly<Record<string, unknown>>

/** Payloads of one kind: good ones, and what makes the first of them bad. */
export interface KindCases {
  readonly kind: StatementKind<unknown>
  readonly good: Readonly<Record<string, Fields>>
  readonly bad: Readonly<Record<string, Fields>>
}

const BEYOND = 2 ** 32
const NO_STATEMENT = 'e30.e30.AAAA'

/**
 * Payloads of the statements between people, devices and hub. Statements inside are of the right form only: who reads the
 * outer one does not look at them.
 *
 * @param id any id.
 * @param x25519 any recipient.
 */
export function kindCases(id: string, x25519: string): readonly KindCases[] {
  const time = '2026-11-24T12:00:00.000Z'
  const clipId = 'abcdefghijklmnopqrstuvwxyz'
  const nonce = '234567abcdefghijklmnopqrst'
  const sha256 = '0123456789abcdef'.repeat(4)
  const recipients = { x25519, hybrid: null }
  const invited = { householdId: id, rootId: id, epoch: 1, registrarEpoch: 0, hmac: sha256 }
  const hub = { url: 'https://192.168.1.2:8443', caId: id }
  const device = { kind: 'device', epoch: 0xffffffff, counter: 7, boot: nonce }
  const member = { memberId: id, recipient: NO_STATEMENT }
  const asked = { householdId: id, caId: id, nonce }
  const roster = {
    ...{ householdId: id, number: 1, prev: null, firstRootId: id, firstSuccessorId: id, generation: 0 },
    ...{ minimumSuite: 'x25519', members: [member], issuedAt: time },
  }
  return [
    {
      kind: recipientKind,
      good: { good: { householdId: id, memberId: id, number: 1, recipients } },
      bad: {
        'number 0': { number: 0 },
        'number 2^53': { number: 2 ** 53 },
        'a recipient in upper case': { recipients: { x25519: x25519.toUpperCase(), hybrid: null } },
        'a recipient of the other suite': { recipients: { x25519, hybrid: x25519 } },
        'hybrid left out': { recipients: { x25519 } },
      },
    },
    {
      kind: rosterKind,
      good: { good: roster, 'a later one': { ...roster, number: 7, prev: sha256, generation: 64 } },
      bad: {
        'number 0': { number: 0 },
        'generation 65': { generation: 65 },
        'no members': { members: [] },
        '17 members': { members: Array.from({ length: 17 }, () => member) },
        'a member with a name': { members: [{ ...member, name: 'Anna' }] },
        'another suite': { minimumSuite: 'mixed' },
      },
    },
    {
      kind: halfKind,
      good: {
        good: { deviceId: id, recipients, nonce, invited },
        'an introduction': { deviceId: id, recipients, nonce, invited: null },
      },
      bad: {
        'epoch 0': { invited: { ...invited, epoch: 0 } },
        'epoch 2^32': { invited: { ...invited, epoch: BEYOND } },
        'registrar’s epoch -1': { invited: { ...invited, registrarEpoch: -1 } },
        'a short HMAC': { invited: { ...invited, hmac: sha256.slice(2) } },
        'a short nonce': { nonce: nonce.slice(1) },
      },
    },
    {
      kind: claimKind,
      good: { good: { householdId: id, deviceId: id, epoch: 1, half: NO_STATEMENT, hub, issuedAt: time } },
      bad: {
        'epoch 0': { epoch: 0 },
        'epoch 2^32': { epoch: BEYOND },
        'epoch 1.5': { epoch: 1.5 },
        'epoch as text': { epoch: '1' },
        'a hub without TLS': { hub: { ...hub, url: 'http://192.168.1.2:8443' } },
        'a hub with a path': { hub: { ...hub, url: 'https://192.168.1.2:8443/hub' } },
        'a hub with a user': { hub: { ...hub, url: 'https://me@192.168.1.2:8443' } },
        'no statement inside': { half: 'half' },
      },
    },
    ...ownershipCases(id, time, nonce, sha256),
    {
      kind: nonceKind,
      good: {
        good: { nonce, for: id, challenge: nonce, time, epoch: 0, broker: 'mqtts://192.168.1.2:8883' },
      },
      bad: {
        'epoch 2^32': { epoch: BEYOND },
        'a time elsewhere': { time: '2026-11-24T12:00:00.000+01:00' },
        'no challenge': { challenge: undefined },
        'an empty challenge': { challenge: '' },
        'a line end': { broker: 'mqtts://192.168.1.2:8883\n' },
      },
    },
    {
      kind: requestKind,
      good: {
        good: {
          ...asked,
          body: { action: 'household', code: 'ab12', roster: NO_STATEMENT, successions: [] },
        },
        ...actionCases(asked, id),
      },
      bad: {
        'another action': { body: { action: 'delete' } },
        'no CA': { caId: '' },
        'a mailbox that is no id': { body: { action: 'knock', mailbox: 'mailbox' } },
        'four certificates': {
          body: { action: 'half', mailbox: id, half: NO_STATEMENT, idevid: Array(4).fill('AAAA') },
        },
        'fields of two actions': { body: { action: 'claim', claim: NO_STATEMENT, code: 'ab12' } },
        '65 successions': {
          body: { action: 'roster', roster: NO_STATEMENT, successions: Array(65).fill(NO_STATEMENT) },
        },
      },
    },
    {
      kind: enrolmentKind,
      good: {
        good: { id, householdId: id, tlsKey: sha256, caId: id, nonce, role: device },
        'a member': { id, householdId: id, tlsKey: sha256, caId: id, nonce, role: { kind: 'member' } },
      },
      bad: {
        'epoch 0': { role: { ...device, epoch: 0 } },
        'epoch 2^32': { role: { ...device, epoch: BEYOND } },
        'counter 0': { role: { ...device, counter: 0 } },
        'a member with an epoch': { role: { kind: 'member', epoch: 1 } },
        'another role': { role: { kind: 'hub' } },
      },
    },
    {
      kind: ackKind,
      good: { good: { deviceId: id, clipId, part: 'h12', sha256, roster: 0 } },
      bad: {
        'a part that is none': { part: '01' },
        'a part of another folder': { part: '../end' },
        'a short clip id': { clipId: clipId.slice(1) },
      },
    },
    {
      kind: logKind,
      good: { good: { key: 'ownlens-abc+01020304+AQID', issuedAt: time } },
      bad: {
        'a key of two lines': { key: 'ownlens-abc+01020304+AQID\nmore' },
        'no key': { key: '' },
        'no time': { issuedAt: undefined },
      },
    },
    ...incidentCases(id, time, nonce, sha256),
  ]
}
