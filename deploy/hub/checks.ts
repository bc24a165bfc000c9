import { openCheckpoint } from '../../log/checkpoint.ts'
import { readNoteKey } from '../../log/note.ts'
import { hashOfBoxCode, readBoxCode } from '../../protocol/box-code.ts'
import { OwnlensError } from '../../protocol/errors.ts'
import type { Signer } from '../../protocol/keys.ts'
import { readMakerBlock } from '../../protocol/maker-block.ts'
import { recordContent } from '../../protocol/record.ts'
import type { RequestAnswer } from '../../protocol/registrar.ts'
import { standingKind } from '../../protocol/standing.ts'
import { makeStatement } from '../../protocol/statement.ts'
import type { Db } from './database.ts'
import type { HubLog } from './hub-log.ts'
import { standingOf } from './standing.ts'

export interface CheckParts {
  readonly database: Db
  readonly hubKey: Signer
  readonly hubLog: Pick<HubLog, 'flush' | 'head' | 'key' | 'log'>
  readonly now: () => Date
}

type Opened = NonNullable<RequestAnswer<'check'>['record']>

/** Answers who holds a camera, or the code of its box, how it stands (PROTOCOL 9.7). Nobody is answered who has neither. */
export class Checks {
  readonly #parts: CheckParts

  constructor(parts: CheckParts) {
    this.#parts = parts
  }

  /**
   * Action `check`.
   *
   * @param code of a box; null: the signer is the camera.
   * @throws OwnlensError `check.code`, `check.unknown`.
   */
  async check(signerId: string, code: string | null): Promise<RequestAnswer<'check'>> {
    const { database, hubKey, hubLog, now } = this.#parts
    const deviceId = code === null ? signerId : await this.#boxed(code)
    const { blocked, byMaker, cloned } = await standingOf(database, deviceId)
    const record = byMaker ? await this.#recordOf(deviceId) : null
    const { log, hub, checkpoint } = await hubLog.head(0)
    const { size, root } = openCheckpoint(checkpoint, readNoteKey(hubLog.key))
    const proof = record === null ? [] : await hubLog.log.inclusion(record.position, size)
    const standing = {
      deviceId,
      at: now().toISOString(),
      blocked: byMaker ? ('maker' as const) : blocked ? ('owner' as const) : null,
      disputed: await this.#isDisputed(deviceId),
      cloned,
      log: { size, root: base64(root) },
    }
    return {
      standing: await makeStatement(standingKind, standing, hubKey),
      ...{ hub, log, checkpoint, record, proof: proof.map(base64) },
      signers: record === null ? [] : await this.#signersOf(record.content),
    }
  }

  async #boxed(code: string): Promise<string> {
    const row = await this.#parts.database
      .selectFrom('serials')
      .select('device_id')
      .where('box_hash', '=', hashOfBoxCode(readBoxCode(code)))
      .executeTakeFirst()
    if (row === undefined) throw new OwnlensError('check.unknown')
    return row.device_id
  }

  async #isDisputed(deviceId: string): Promise<boolean> {
    const row = await this.#parts.database
      .selectFrom('serials')
      .select('disputed')
      .where('device_id', '=', deviceId)
      .executeTakeFirst()
    return row?.disputed === 1
  }

  /** The maker's order that stands for it, as it is in the log: one that was given just now is there before it is spoken of. */
  async #recordOf(deviceId: string): Promise<Opened> {
    await this.#parts.hubLog.flush()
    const { position, at, salt, content } = await this.#parts.database
      .selectFrom('maker_blocks')
      .innerJoin('maker_orders', 'maker_orders.number', 'maker_blocks.number')
      .innerJoin('records', 'records.record_id', 'maker_orders.record_id')
      .select(['records.position', 'records.at', 'records.salt', 'records.content'])
      .where('maker_blocks.device_id', '=', deviceId)
      .executeTakeFirstOrThrow()
    if (position === null || salt === null || content === null)
      throw new Error('a maker’s order is in no log, or was erased')
    return { position, at, salt, content }
  }

  /** The root's newest word on each signer of an order, in its order. */
  async #signersOf(content: string): Promise<string[]> {
    const order = recordContent.parse(JSON.parse(content))
    if (order.kind !== 'makerBlock') throw new Error('it is no order of the maker’s')
    const { signer, second } = await readMakerBlock(order.block, order.second)
    const words: string[] = []
    for (const { id } of [signer, ...(second === null ? [] : [second.signer])]) {
      const { jws } = await this.#parts.database
        .selectFrom('maker_keys')
        .select('jws')
        .where('key_id', '=', id)
        .executeTakeFirstOrThrow()
      words.push(jws)
    }
    return words
  }
}

const base64 = (hash: Uint8Array): string => Buffer.from(hash).toString('base64')
