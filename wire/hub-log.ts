import { OwnlensError } from '../protocol/errors.ts'
import { logConsistencyAnswer, logHeadAnswer, logKind } from '../protocol/log.ts'
import { readStatement } from '../protocol/statement.ts'
import type { HubClient } from './hub-client.ts'
import type { TlsIdentity } from './tls.ts'

/** A hub's answer on its log: which log it is, by the hub's own key; the rest is as it came, to be checked. */
export interface HubHead {
  /** The log's verifier key. */
  readonly key: string
  readonly checkpoint: string
  readonly consistency: readonly Uint8Array[]
  readonly cosigned: { readonly checkpoint: string; readonly consistency: readonly Uint8Array[] } | null
  readonly answer: unknown
}

/**
 * Asks for the newest head of the hub's log (PROTOCOL 10.2).
 *
 * @param since how many entries the head has that the asker keeps.
 * @param witnesses how many must have cosigned `cosigned`.
 * @throws OwnlensError `hub.*`, `statement.*`.
 */
export async function askLogHead(
  hub: HubClient,
  tls: TlsIdentity,
  since: number,
  witnesses = 1,
): Promise<HubHead> {
  const path = `/log/head?since=${since}&witnesses=${witnesses}`
  const answer = await hub.getJson(path, tls, logHeadAnswer)
  const hubKeyId = await hub.hubKeyId(Buffer.from(answer.hub, 'base64'))
  const { payload } = await readStatement(logKind, answer.log, hubKeyId)
  const { checkpoint, cosigned } = answer
  return {
    ...{ key: payload.key, checkpoint, answer },
    consistency: answer.consistency.map(hashOf),
    cosigned: cosigned && {
      checkpoint: cosigned.checkpoint,
      consistency: cosigned.consistency.map(hashOf),
    },
  }
}

/** The proof that the log's first `from` entries are the beginning of its first `to`; to be checked. Throws `hub.*`. */
export async function askConsistency(
  hub: HubClient,
  tls: TlsIdentity,
  from: number,
  to: number,
): Promise<readonly Uint8Array[]> {
  const { consistency } = await hub.getJson(
    `/log/consistency?from=${from}&to=${to}`,
    tls,
    logConsistencyAnswer,
  )
  return consistency.map(hashOf)
}

function hashOf(text: string): Uint8Array {
  const bytes = new Uint8Array(Buffer.from(text, 'base64'))
  if (bytes.length !== 32) throw new OwnlensError('hub.answer', 'not a hash')
  return bytes
}
