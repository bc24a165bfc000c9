import { manifestKind, openingKind, runningHashKind } from '../../protocol/clip.ts'
import { commandKind } from '../../protocol/command.ts'
import { liveKind } from '../../protocol/live.ts'
import { alertKind, gapKind, statusKind } from '../../protocol/messages.ts'
import type { KindCases } from './kinds.ts'

/**
 * Payloads of what is only sent sealed.
 *
 * @param id any id.
 */
export function sealedKindCases(id: string): readonly KindCases[] {
  const time = '2026-11-24T12:00:00.000Z'
  const clipId = 'abcdefghijklmnopqrstuvwxyz'
  const nonce = '234567abcdefghijklmnopqrst'
  const sha256 = '0123456789abcdef'.repeat(4)
  const envelope = { audience: 'household', householdId: id, deviceId: id, epoch: 1, roster: 1, counter: 1 }
  const file = { bytes: 1, sha256 }
  const face = { box: [0.1, 0.2, 0.3, 0.4], score: 0.9, atMs: 1200 }
  const status = {
    ...{
      ...envelope,
      boot: nonce,
      at: time,
      clockSure: true,
      name: 'Küche 厨房',
      version: '0.1.0',
      camera: 'fault',
    },
    ...{
      fault: 'camera.lost',
      microphone: false,
      outbox: { clips: 2, bytes: 70_000 },
      refused: { 'roster.old': 1 },
      log: { size: 12, root: 'q'.repeat(42).concat('o=') },
    },
  }
  const alert = {
    ...{ ...envelope, boot: nonce, clipId, trigger: 'face', at: time, faces: 1, names: [] },
    ...{ thumbnail: '/9j/4AAQSkZJRg==' },
  }
  const manifest = {
    ...{
      ...envelope,
      clipId,
      startedAt: time,
      clockSure: false,
      durationMs: 5000,
      audio: true,
      end: 'event',
    },
    ...{ triggers: ['face', 'motion'], faces: [face, { ...face, person: 'Anna' }] },
    ...{ video: { sealed: file, plain: file }, thumbnail: null, previous: { counter: 1, sha256 } },
  }
  const command = {
    ...{ ...envelope, audience: 'device', boot: nonce, at: time, expires: '2026-11-24T12:00:30.000Z' },
    command: { do: 'live.start', session: nonce },
  }
  const live = {
    ...{ ...envelope, boot: nonce, at: time, session: nonce },
    key: Buffer.alloc(32, 7).toString('base64'),
  }
  return [
    {
      kind: openingKind,
      good: {
        good: { ...envelope, clipId, startedAt: time, clockSure: true, audio: false, trigger: 'motion' },
      },
      bad: {
        'another audience': { audience: 'device' },
        'counter 0': { counter: 0 },
        'epoch 2^32': { epoch: 2 ** 32 },
        'roster 0': { roster: 0 },
        'another trigger': { trigger: 'sound' },
        'a clip id in upper case': { clipId: clipId.toUpperCase() },
        'a date that is none': { startedAt: '2026-02-30T12:00:00.000Z' },
      },
    },
    {
      kind: runningHashKind,
      good: { good: { ...envelope, clipId, index: 0, offset: 65_752, sha256 } },
      bad: {
        'offset 0': { offset: 0 },
        'index 100000': { index: 100_000 },
        'a hash in upper case': { sha256: sha256.toUpperCase() },
      },
    },
    {
      kind: manifestKind,
      good: {
        good: manifest,
        'without faces': { ...manifest, faces: [], thumbnail: { sealed: file, plain: file }, previous: null },
      },
      bad: {
        'duration 0': { durationMs: 0 },
        'no trigger': { triggers: [] },
        'another end': { end: 'power' },
        'a face with three sides': { faces: [{ ...face, box: [0.1, 0.2, 0.3] }] },
        'a face outside': { faces: [{ ...face, box: [1.1, 0, 0.1, 0.1] }] },
        '65 faces': { faces: Array.from({ length: 65 }, () => face) },
        'an empty video': { video: { sealed: file, plain: { bytes: 0, sha256 } } },
        'a name that moves the cursor': { faces: [{ ...face, person: 'Anna\u001b[2J' }] },
      },
    },
    {
      kind: alertKind,
      good: { good: alert, 'without a picture': { ...alert, names: ['Anna'], thumbnail: null } },
      bad: {
        'a picture that is no base64': { thumbnail: '/9j/4AAQSkZJRg=' },
        '65 faces': { faces: 65 },
        '17 names': { names: Array(17).fill('A') },
        'a name of 65': { names: ['A'.repeat(65)] },
        'a name that turns the line': { names: ['Anna\u202e'] },
      },
    },
    {
      kind: statusKind,
      good: { good: status, 'all is well': { ...status, camera: 'ok', fault: null, refused: {}, log: null } },
      bad: {
        'a name of 65': { name: 'A'.repeat(65) },
        'half a character': { name: 'A\ud800' },
        'a name of two lines': { name: 'A\nB' },
        'another state': { camera: 'dark' },
        'refused -1': { refused: { 'roster.old': -1 } },
        'a boot of the wrong form': { boot: 'boot' },
        'no word of the log': { log: undefined },
        'a root that is too short': { log: { size: 12, root: 'q80=' } },
        'a log of -1': { log: { size: -1, root: 'q'.repeat(42).concat('o=') } },
      },
    },
    {
      kind: gapKind,
      good: { good: { ...envelope, boot: nonce, at: time, from: 3, to: 3, cause: 'outbox_full' } },
      bad: {
        'it ends before it begins': { from: 4 },
        'from 0': { from: 0 },
        'another cause': { cause: 'hub' },
      },
    },
    {
      kind: commandKind,
      good: { good: command, 'a minute': { ...command, expires: '2026-11-24T12:01:00.000Z' } },
      bad: {
        'to the household': { audience: 'household' },
        'counter 0': { counter: 0 },
        'an unknown command': { command: { do: 'live.dance', session: nonce } },
        'a command with more in it': { command: { ...command.command, to: id } },
        'a session of the wrong form': { command: { do: 'live.start', session: 'session' } },
        'it lasts longer than a minute': { expires: '2026-11-24T12:01:00.001Z' },
        'it expires before it is made': { expires: '2026-11-24T11:59:59.000Z' },
        'no boot': { boot: undefined },
      },
    },
    {
      kind: liveKind,
      good: { good: live },
      bad: {
        'to a device': { audience: 'device' },
        'a key of 31 bytes': { key: Buffer.alloc(31, 7).toString('base64') },
        'a key in base64url': { key: Buffer.alloc(32, 255).toString('base64url') },
        'a session of the wrong form': { session: 'session' },
        'no session': { session: undefined },
      },
    },
  ]
}
