import { openCheckpoint } from '../log/checkpoint.ts'
import { commit } from '../log/commitment.ts'
import { entryOf } from '../log/entry.ts'
import { checkInclusion, leafHash } from '../log/merkle.ts'
import { readNoteKey } from '../log/note.ts'
import { OwnlensError } from '../protocol/errors.ts'
import { logKind } from '../protocol/log.ts'
import { type MakerBlock, readMakerBlock } from '../protocol/maker-block.ts'
import { recordContent } from '../protocol/record.ts'
import type { RequestAnswer } from '../protocol/registrar.ts'
import { standingKind } from '../protocol/standing.ts'
import { readStatement } from '../protocol/statement.ts'
import { type KnownMaker, type MakerProof, proveSigners } from './signers.ts'

/** How a camera stands, as the hub has signed it, with the maker's order that was found in the log. */
export interface Verdict {
  readonly deviceId: string
  readonly at: string
  readonly blocked: 'owner' | 'maker' | null
  readonly disputed: boolean
  readonly cloned: boolean
  readonly log: { readonly size: number; readonly root: string }
  readonly order: {
    readonly position: number
    readonly block: MakerBlock
    readonly maker: MakerProof
  } | null
}

/**
 * Checks a hub's answer (PROTOCOL 9.7): its own signature, that the head belongs to its log, and that an order of the maker's is in
 * that log, word for word, names this camera, and is by signers of the maker's.
 *
 * @param hubKeyId whose certificate the pinned CA has signed.
 * @param deviceId the camera that asked; undefined when a box's code did.
 * @param known what the asker knows of the maker; nothing: the proof says so.
 * @throws OwnlensError `check.answer`, `log.*`, `statement.*`.
 */
export async function readVerdict(
  answer: RequestAnswer<'check'>,
  hubKeyId: string,
  deviceId?: string,
  known: KnownMaker = {},
): Promise<Verdict> {
  const { payload } = await readStatement(standingKind, answer.standing, hubKeyId)
  if (deviceId !== undefined && payload.deviceId !== deviceId)
    throw new OwnlensError('check.answer', 'it is about another camera')
  const { key } = (await readStatement(logKind, answer.log, hubKeyId)).payload
  const { size, root } = openCheckpoint(answer.checkpoint, readNoteKey(key))
  const { log, blocked } = payload
  if (size !== log.size || Buffer.from(root).toString('base64') !== log.root)
    throw new OwnlensError('check.answer', 'it names another head of the log')
  // An owner's order names a home: it is not shown to whoever holds the box.
  if ((blocked === 'maker') !== (answer.record !== null))
    throw new OwnlensError('check.answer', 'an order of the maker’s is said or shown, not both')
  if (answer.record === null) return { ...payload, order: null }
  const { position, at, salt, content } = answer.record
  const commitment = commit(Buffer.from(salt, 'base64url'), content)
  const proof = answer.proof.map(hash => new Uint8Array(Buffer.from(hash, 'base64')))
  checkInclusion(leafHash(entryOf({ at, commitment })), position, { size, root }, proof)
  const block = await orderIn(content)
  if (!block.blocked || !block.devices.includes(payload.deviceId))
    throw new OwnlensError('check.answer', 'the order does not block this camera')
  return { ...payload, order: { position, block, maker: await proveSigners(block, answer.signers, known) } }
}

async function orderIn(content: string): Promise<MakerBlock> {
  let value: unknown
  try {
    value = JSON.parse(content)
  } catch (cause) {
    throw new OwnlensError('check.answer', 'the record is not JSON', { cause })
  }
  const parsed = recordContent.safeParse(value)
  if (!parsed.success || parsed.data.kind !== 'makerBlock')
    throw new OwnlensError('check.answer', 'the record is no order of the maker’s')
  return readMakerBlock(parsed.data.block, parsed.data.second)
}

/** What a person reads who holds the camera or its box. */
export function describeVerdict({ deviceId, at, blocked, disputed, cloned, log, order }: Verdict): string[] {
  const lines = [`Camera ${deviceId}, at ${minutes(at)} UTC:`]
  if (blocked === 'owner')
    lines.push(
      'It is BLOCKED by the home that it belongs to. It reaches nobody, and nobody else can pair it.',
      'If you were sold or given it, ask where it came from; only that home can lift the block.',
    )
  if (order !== null) {
    const { block, position, maker } = order
    const why = block.reason === '' ? 'The maker gives no reason.' : `The maker’s reason: “${block.reason}”`
    lines.push(
      'It is BLOCKED by its maker. It reaches nobody, and nobody can pair it.',
      why,
      `Ordered at ${minutes(block.issuedAt)} UTC, signed by ${block.second === null ? 'one signer' : 'two signers'}. Ask the maker; only the maker can lift it.`,
      `The order is entry ${position} of the hub’s log, which has ${log.size}: that was checked.`,
      maker.known
        ? `Its signers are the maker’s: root ${maker.rootId} says so. That was checked.`
        : `Root ${maker.rootId} says that its signers are the maker’s. Whether that is the maker’s root, only --maker-root FILE shows.`,
    )
    if (maker.revoked > 0)
      lines.push('The maker has revoked a signer of it since: ask whether the order still holds.')
  }
  if (blocked === null) lines.push('It is not blocked.')
  if (disputed)
    lines.push(
      'Another camera bears its serial. Where it is paired it goes on; elsewhere it cannot be paired until the maker relabels one of them.',
    )
  if (cloned)
    lines.push(
      'Two boards have its key. Reset it to a new key before you use it: hold its button for twenty seconds.',
    )
  return lines
}

const minutes = (time: string): string => time.slice(0, 16).replace('T', ' ')
