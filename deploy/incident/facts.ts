import { claimKind, halfKind } from '../../protocol/claim.ts'
import { codeOf } from '../../protocol/errors.ts'
import { incidentKind, reportKind } from '../../protocol/incident.ts'
import { readRegistration, serialKind } from '../../protocol/maker.ts'
import { readMakerBlock } from '../../protocol/maker-block.ts'
import { makerKeyKinds } from '../../protocol/maker-keys.ts'
import { blockKind, moveKind, readReset, releaseKind } from '../../protocol/ownership.ts'
import { type RecordContent, recordContent } from '../../protocol/record.ts'
import { enrolmentKind } from '../../protocol/registrar.ts'
import { acceptRoster, rosterKind } from '../../protocol/roster.ts'
import { readStatement, statementHash } from '../../protocol/statement.ts'

/** Whose a record is, and which camera’s; null of nobody’s alone. */
export interface RecordOf {
  readonly householdId: string | null
  readonly deviceId: string | null
}

/** A record as it was frozen. */
export interface FrozenRecord {
  readonly of: RecordOf
  readonly position: number | null
  readonly at: string
  readonly salt: string | null
  readonly content: string | null
}

/** What one record says, after its signatures were checked. */
export type Said =
  | {
      readonly kind: 'household'
      readonly householdId: string
      readonly number: number
      readonly members: readonly { readonly memberId: string; readonly keys: readonly string[] }[]
      readonly successions: number
    }
  /** `agreed`: the camera itself has signed that it belongs to this home, in this epoch, and a root of the home has, too. */
  | {
      readonly kind: 'claim'
      readonly householdId: string
      readonly deviceId: string
      readonly epoch: number
      readonly agreed: boolean
    }
  | {
      readonly kind: 'release'
      readonly householdId: string
      readonly deviceId: string
      readonly epoch: number
    }
  | { readonly kind: 'reset'; readonly deviceId: string; readonly householdId: string | null }
  | {
      readonly kind: 'block'
      readonly householdId: string
      readonly devices: readonly string[]
      readonly blocked: boolean
    }
  | { readonly kind: 'move'; readonly householdId: string }
  | {
      readonly kind: 'enrolment'
      readonly id: string
      readonly householdId: string
      readonly verdict: 'fresh' | 'held' | 'cloned'
    }
  | {
      readonly kind: 'registration'
      readonly stationId: string
      readonly serial: string
      readonly deviceId: string
      readonly madeAt: string
      readonly offline: boolean
    }
  | { readonly kind: 'idevid' }
  | { readonly kind: 'serial'; readonly serial: string; readonly deviceId: string }
  | {
      readonly kind: 'station' | 'signer'
      readonly keyId: string
      readonly name: string
      readonly active: boolean
    }
  | {
      readonly kind: 'makerBlock'
      readonly devices: readonly string[]
      readonly blocked: boolean
      readonly reason: string
      /** Whose keys have signed it: the maker’s root’s or a signer’s. */
      readonly signers: readonly string[]
    }
  | { readonly kind: 'report'; readonly hash: string; readonly householdId: string; readonly says: string }
  | {
      readonly kind: 'incident'
      readonly number: number
      readonly state: string
      readonly title: string
      readonly incidentId: string
    }
  /** Salt and content were erased: the entry stays. */
  | { readonly kind: 'erased' }
  /** What stands there does not hold. */
  | { readonly kind: 'false'; readonly code: string }

/** One record, what it says, and where it stands in the log. */
export interface Fact {
  readonly at: string
  /** Null while the log has no entry of it. */
  readonly position: number | null
  readonly said: Said
  readonly of: RecordOf
  /** What opens the entry, for who is to see it. */
  readonly opening: { readonly salt: string; readonly content: string } | null
}

/** What the records say, each signature checked, in the order of the log; each once. */
export async function factsIn(records: readonly FrozenRecord[]): Promise<readonly Fact[]> {
  const facts: Fact[] = []
  const seen = new Set<string>()
  /** Root keys of each home, as its lists of members have shown them. */
  const roots = new Map<string, Set<string>>()
  for (const { position, at, salt, content, of } of inOrder(records)) {
    const key = `${position} ${at} ${content}`
    if (seen.has(key)) continue
    seen.add(key)
    const opening = salt === null || content === null ? null : { salt, content }
    facts.push({
      at,
      position,
      of,
      said: opening === null ? { kind: 'erased' } : await said(opening.content, roots),
      opening,
    })
  }
  return facts
}

/** The log's order is the one that counts: a clock may have been set. */
function inOrder(records: readonly FrozenRecord[]): readonly FrozenRecord[] {
  const place = ({ position }: FrozenRecord) => position ?? Number.MAX_SAFE_INTEGER
  return records.toSorted((a, b) => place(a) - place(b) || a.at.localeCompare(b.at))
}

type Roots = Map<string, Set<string>>

async function said(content: string, roots: Roots): Promise<Said> {
  try {
    return await read(recordContent.parse(JSON.parse(content)), roots)
  } catch (error) {
    return { kind: 'false', code: codeOf(error) ?? 'statement.form' }
  }
}

async function read(content: RecordContent, roots: Roots): Promise<Said> {
  switch (content.kind) {
    case 'household': {
      const { payload, signer } = await readStatement(rosterKind, content.roster, 'itself')
      const { householdId, number, firstRootId: rootId } = payload
      // From the ids that make up the household's own to the key that signed this list.
      const { members } = await acceptRoster(
        { householdId, rootId },
        undefined,
        content.roster,
        content.successions,
      )
      roots.set(householdId, (roots.get(householdId) ?? new Set()).add(signer.id))
      const keys = members.map(({ memberId, recipients: { x25519, hybrid } }) => {
        return { memberId, keys: hybrid === null ? [x25519] : [x25519, hybrid] }
      })
      return {
        kind: 'household',
        householdId,
        number,
        members: keys,
        successions: content.successions.length,
      }
    }
    case 'claim': {
      const { payload, signer } = await readStatement(claimKind, content.claim, 'itself')
      const { householdId, deviceId, epoch } = payload
      const half = (await readStatement(halfKind, payload.half, deviceId)).payload
      const invited = half.invited?.householdId === householdId && half.invited.epoch === epoch
      const agreed = invited && (roots.get(householdId)?.has(signer.id) ?? false)
      return { kind: 'claim', householdId, deviceId, epoch, agreed }
    }
    case 'release': {
      const { householdId, deviceId, epoch } = (await readStatement(releaseKind, content.release, 'itself'))
        .payload
      return { kind: 'release', householdId, deviceId, epoch }
    }
    case 'reset': {
      const { deviceId, householdId } = await readReset(content.reset)
      return { kind: 'reset', deviceId, householdId }
    }
    case 'block': {
      const { payload } = await readStatement(blockKind, content.block, 'itself')
      const devices = payload.devices.map(({ deviceId }) => deviceId)
      return { kind: 'block', householdId: payload.householdId, devices, blocked: payload.blocked }
    }
    case 'move':
      return {
        kind: 'move',
        householdId: (await readStatement(moveKind, content.move, 'itself')).payload.householdId,
      }
    case 'enrolment': {
      const { id, householdId } = (await readStatement(enrolmentKind, content.enrolment, 'itself')).payload
      return { kind: 'enrolment', id, householdId, verdict: content.verdict }
    }
    default:
      return readOfMaker(content)
  }
}

async function readOfMaker(content: RecordContent): Promise<Said> {
  switch (content.kind) {
    case 'registration': {
      const { stationId, serial, deviceId, madeAt } = await readRegistration(content.registration)
      return { kind: 'registration', stationId, serial, deviceId, madeAt, offline: content.offline }
    }
    case 'serial': {
      const { serial, deviceId } = (await readStatement(serialKind, content.serial, 'itself')).payload
      return { kind: 'serial', serial, deviceId }
    }
    case 'station':
    case 'signer': {
      const jws = content.kind === 'station' ? content.station : content.signer
      const { keyId, name, active } = (await readStatement(makerKeyKinds[content.kind], jws, 'itself'))
        .payload
      return { kind: content.kind, keyId, name, active }
    }
    case 'makerBlock': {
      const { devices, blocked, reason, signer, second } = await readMakerBlock(content.block, content.second)
      const signers = [signer.id, ...(second === null ? [] : [second.signer.id])]
      return { kind: 'makerBlock', devices, blocked, reason, signers }
    }
    case 'report': {
      const { householdId, says } = (await readStatement(reportKind, content.report, 'itself')).payload
      return { kind: 'report', hash: statementHash(content.report), householdId, says }
    }
    case 'incident': {
      const { number, state, title, incidentId } = (
        await readStatement(incidentKind, content.incident, 'itself')
      ).payload
      return { kind: 'incident', number, state, title, incidentId }
    }
    default:
      return { kind: 'idevid' }
  }
}
