import { createPublicKey, X509Certificate } from 'node:crypto'
import { OwnlensError } from '../protocol/errors.ts'
import { idOfKey } from '../protocol/ids.ts'
import type { PublicKey } from '../protocol/keys.ts'
import type { MakerBlock } from '../protocol/maker-block.ts'
import { makerKeyKinds } from '../protocol/maker-keys.ts'
import { readStatement } from '../protocol/statement.ts'

/** What the asker knows of the camera's maker without asking the hub. */
export interface KnownMaker {
  /** Of the root, from a file that the maker gives out. */
  readonly rootId?: string
  /** The camera's own certificates (PROTOCOL 9.4), DER in base64, its own first. */
  readonly idevid?: readonly string[]
}

/** Whose signers have given an order. */
export interface MakerProof {
  readonly rootId: string
  /** Whether the asker knew this root; else only the hub has named it. */
  readonly known: boolean
  /** How many of the signers the root has revoked since. */
  readonly revoked: number
}

/**
 * Proves that an order's signers are the maker's: of each there is a word of one root (PROTOCOL 9.5), and that root is the one which
 * the asker knows, or which has certified the camera.
 *
 * @param words the root's, one for each signer in the order's order.
 * @throws OwnlensError `check.answer`, `statement.*`.
 */
export async function proveSigners(
  { signer, second }: MakerBlock,
  words: readonly string[],
  { rootId, idevid = [] }: KnownMaker,
): Promise<MakerProof> {
  const keys = [signer, ...(second === null ? [] : [second.signer])]
  if (words.length !== keys.length) throw bad('a signer is not shown to be the maker’s')
  const read = await Promise.all(words.map(word => readStatement(makerKeyKinds.signer, word, 'itself')))
  for (const [index, { payload }] of read.entries())
    if (payload.keyId !== keys[index]?.id) throw bad('a word is about another signer')
  const roots = new Map(read.map(word => [word.signer.id, word.signer]))
  const [root] = roots.values()
  if (root === undefined || roots.size > 1) throw bad('its signers are of several makers')
  // A root that names itself would need nobody's word.
  if (keys.some(({ id }) => id === root.id)) throw bad('a signer speaks for itself')
  if (rootId !== undefined && rootId !== root.id) throw bad('its signers are another maker’s')
  if (idevid.length > 0 && !hasCertified(root, idevid))
    throw bad('its signers’ maker has not made this camera')
  return {
    rootId: root.id,
    known: rootId !== undefined || idevid.length > 0,
    revoked: read.filter(({ payload }) => !payload.active).length,
  }
}

/** Whether a root has certified the station that has certified the camera. */
function hasCertified({ spki }: PublicKey, idevid: readonly string[]): boolean {
  const [leaf, station] = idevid.map(der => new X509Certificate(Buffer.from(der, 'base64')))
  if (leaf === undefined || station === undefined || !station.ca) return false
  const own = station.publicKey.export({ type: 'spki', format: 'der' })
  const root = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' })
  if (idOfKey(own) === idOfKey(spki)) return false
  return leaf.verify(station.publicKey) && station.verify(root)
}

const bad = (what: string): OwnlensError => new OwnlensError('check.answer', what)
