import { birthKind, registrationKind, serialKind } from '../../protocol/maker.ts'
import { makerBlockKind, secondKind } from '../../protocol/maker-block.ts'
import { makerKeyKinds } from '../../protocol/maker-keys.ts'
import { blockKind, moveKind, releaseKind, resetKind } from '../../protocol/ownership.ts'
import { revealKind } from '../../protocol/pairing.ts'
import { standingKind } from '../../protocol/standing.ts'
import type { KindCases } from './kinds.ts'

const NO_STATEMENT = 'e30.e30.AAAA'
const BEYOND = 2 ** 32

/** Statements about whose a camera is, and about its serial. */
export function ownershipCases(id: string, time: string, nonce: string, sha256: string): KindCases[] {
  const hub = { url: 'https://192.168.1.2:8443', caId: id }
  const device = { deviceId: id, epoch: 1 }
  const serial = 'OL-2026.0001'
  return [
    {
      kind: revealKind,
      good: { good: { householdId: id, half: sha256, nonce } },
      bad: { 'a short nonce': { nonce: nonce.slice(1) }, 'the half itself': { half: NO_STATEMENT } },
    },
    {
      kind: releaseKind,
      good: { good: { householdId: id, deviceId: id, epoch: 1, issuedAt: time } },
      bad: { 'epoch 0': { epoch: 0 }, 'epoch 2^32': { epoch: BEYOND }, 'for all epochs': { epoch: null } },
    },
    {
      kind: resetKind,
      good: {
        good: { deviceId: id, householdId: id, epoch: 3, newKey: false, nonce },
        'of a camera that nobody ever claimed': {
          ...{ deviceId: id, householdId: null, epoch: 0, newKey: true, nonce },
        },
      },
      bad: { 'epoch -1': { epoch: -1 }, 'no word on its key': { newKey: null } },
    },
    {
      kind: blockKind,
      good: { good: { householdId: id, number: 1, devices: [device], blocked: true, issuedAt: time } },
      bad: {
        'number 0': { number: 0 },
        'no devices': { devices: [] },
        '11 devices': { devices: Array(11).fill(device) },
        'a device without an epoch': { devices: [{ deviceId: id }] },
      },
    },
    {
      kind: moveKind,
      good: { good: { householdId: id, number: 1, hubs: [hub, hub], issuedAt: time } },
      bad: {
        'no hub': { hubs: [] },
        'five hubs': { hubs: Array(5).fill(hub) },
        'a hub without TLS': { hubs: [{ ...hub, url: 'http://192.168.1.2' }] },
      },
    },
    {
      kind: birthKind,
      good: { good: { deviceId: id, serial, nonce } },
      bad: {
        'a serial with a space': { serial: 'OL 1' },
        'a serial with an underscore': { serial: 'OL_1' },
        'a serial of 33 characters': { serial: 'A'.repeat(33) },
      },
    },
    {
      kind: registrationKind,
      good: { good: { serial, deviceId: id, birth: NO_STATEMENT, boxCode: sha256, madeAt: time } },
      bad: {
        'no serial': { serial: '' },
        'no birth': { birth: '' },
        'the code of the box itself': { boxCode: 'OB1:AAAAAAAAAAAAAAAAAAAAAAAAAA' },
      },
    },
    {
      kind: serialKind,
      good: { good: { serial, deviceId: id, number: 1, issuedAt: time } },
      bad: { 'number 0': { number: 0 }, 'a line end in a serial': { serial: 'OL-1\n' } },
    },
    ...[makerKeyKinds.station, makerKeyKinds.signer].map(kind => ({
      kind,
      good: {
        good: { keyId: id, name: 'Line 1', number: 1, active: true, issuedAt: time },
        revoked: { keyId: id, name: 'Line 1', number: 2, active: false, issuedAt: time },
      },
      bad: {
        'number 0': { number: 0 },
        'no name': { name: '' },
        'a name of 65 characters': { name: 'L'.repeat(65) },
        'no word on whether it counts': { active: null },
      },
    })),
    {
      kind: makerBlockKind,
      good: {
        good: { number: 1, devices: [id], blocked: true, reason: 'Stolen', issuedAt: time },
        'a lift without a reason': { number: 2, devices: [id], blocked: false, reason: '', issuedAt: time },
      },
      bad: {
        'number 0': { number: 0 },
        'no devices': { devices: [] },
        'a device twice': { devices: [id, id] },
        'a serial instead of a key': { devices: [serial] },
        'a reason of two lines': { reason: 'one\ntwo' },
        'a reason of 201 characters': { reason: 'r'.repeat(201) },
        'for one epoch': { epoch: 1 },
      },
    },
    {
      kind: secondKind,
      good: { good: { order: sha256 } },
      bad: { 'the order itself': { order: NO_STATEMENT } },
    },
    {
      kind: standingKind,
      good: {
        good: {
          ...{ deviceId: id, at: time, blocked: 'maker', disputed: false, cloned: false },
          log: { size: 7, root: `${'A'.repeat(43)}=` },
        },
      },
      bad: { 'blocked by nobody in particular': { blocked: true }, 'no head of the log': { log: null } },
    },
  ]
}

/** A request of each action, but that of `household`. */
export function actionCases(asked: object, id: string): Record<string, Record<string, unknown>> {
  const mailbox = id
  const deviceId = id
  const bodies = [
    { action: 'roster', roster: NO_STATEMENT, successions: [] },
    { action: 'claim', claim: NO_STATEMENT },
    { action: 'invite', mailbox },
    { action: 'mailbox', mailbox },
    { action: 'reveal', mailbox, reveal: NO_STATEMENT },
    { action: 'decline', mailbox },
    { action: 'knock', mailbox },
    { action: 'half', mailbox, half: NO_STATEMENT, idevid: [] },
    { action: 'device' },
    { action: 'reset', reset: NO_STATEMENT },
    { action: 'release', release: NO_STATEMENT },
    { action: 'object', deviceId },
    { action: 'confirm', deviceId },
    { action: 'block', block: NO_STATEMENT },
    { action: 'move', move: NO_STATEMENT },
    { action: 'heir' },
    { action: 'register', registration: NO_STATEMENT, chain: ['AAAA'], offline: false },
    { action: 'serial', serial: NO_STATEMENT },
    { action: 'station', station: NO_STATEMENT },
    { action: 'signer', signer: NO_STATEMENT },
    { action: 'maker-block', block: NO_STATEMENT, second: NO_STATEMENT },
    { action: 'serial-keys', serial: 'OL-1' },
    { action: 'check', code: 'OB1:AAAAAAAAAAAAAAAAAAAAAAAAAA' },
  ]
  return Object.fromEntries(bodies.map(body => [body.action, { ...asked, body }]))
}
