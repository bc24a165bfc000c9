import { deletionKind } from '../../protocol/deletion.ts'
import { answerKind, incidentKind, receiptKind, reportKind } from '../../protocol/incident.ts'
import type { KindCases } from './kinds.ts'

/** Statements about a report, the hub's word on it, and the operator's. */
export function incidentCases(id: string, time: string, nonce: string, sha256: string): KindCases[] {
  const head = { size: 7, root: `${'A'.repeat(43)}=` }
  const report = {
    ...{ householdId: id, memberId: id, deviceId: id, seenAt: time, says: 'This is not my home.' },
    ...{ evidence: sha256, log: head, issuedAt: time },
  }
  const incident = {
    ...{ incidentId: nonce, number: 1, state: 'open', title: 'Two cameras bear one serial' },
    ...{ cause: null, fix: null, release: null, devices: [id], reports: [sha256] },
    ...{ awareAt: time, issuedAt: time },
  }
  const known = { state: 'closed', cause: 'A label printer', fix: 'Ids are hashes of keys', release: '1.2.0' }
  const deletion = { householdId: id, memberId: id, clips: [nonce], issuedAt: time }
  return [
    {
      kind: deletionKind,
      good: { good: deletion, 'of 300 clips': { ...deletion, clips: Array(300).fill(nonce) } },
      bad: {
        'of none': { clips: [] },
        'of 301': { clips: Array(301).fill(nonce) },
        'of an id': { clips: [id] },
      },
    },
    {
      kind: reportKind,
      good: { good: report, 'of no camera that is known': { ...report, deviceId: null, log: null } },
      bad: {
        'a camera by its serial': { deviceId: 'OL-2026.0001' },
        '501 characters': { says: 'a'.repeat(501) },
        'a head without a root': { log: { size: 7 } },
        'a short hash': { evidence: sha256.slice(1) },
      },
    },
    {
      kind: receiptKind,
      good: { good: { report: sha256, receivedAt: time, answerBy: time, frozen: sha256, operator: id } },
      bad: { 'no hour of the answer': { answerBy: undefined }, 'nothing frozen': { frozen: '' } },
    },
    {
      kind: answerKind,
      good: {
        good: { report: sha256, at: time, incidents: [sha256] },
        silence: { report: sha256, at: time, incidents: [] },
      },
      bad: { '65 words': { incidents: Array(65).fill(sha256) }, 'no list': { incidents: null } },
    },
    {
      kind: incidentKind,
      good: { good: incident, 'a closed one': { ...incident, ...known, number: 4 } },
      bad: {
        'number 0': { number: 0 },
        'another state': { state: 'denied' },
        '201 characters': { title: 'a'.repeat(201) },
        '101 cameras': { devices: Array(101).fill(id) },
        'a camera by its serial': { devices: ['OL-2026.0001'] },
      },
    },
  ]
}
