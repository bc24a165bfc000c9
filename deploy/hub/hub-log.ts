import { createPublicKey, type KeyObject } from 'node:crypto'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { WitnessPlace } from '../../log/ask-witness.ts'
import { openSigningKey } from '../../log/signing-key.ts'
import type { Log } from '../../log/writer.ts'
import { OwnlensError } from '../../protocol/errors.ts'
import { idOfKey } from '../../protocol/ids.ts'
import { logKind } from '../../protocol/log.ts'
import { makeStatement } from '../../protocol/statement.ts'
import { type Disk, readSettled } from '../../storage/disk.ts'
import type { Authority } from './authority.ts'
import { Cosigners } from './cosigners.ts'
import type { Db } from './database.ts'
import { LastingLog } from './lasting-log.ts'
import { Sequencer } from './sequencer.ts'

/** The answer of `GET /log/head`. */
export interface HeadAnswer {
  readonly log: string
  readonly hub: string
  readonly checkpoint: string
  readonly consistency: readonly string[]
  readonly cosigned: { readonly checkpoint: string; readonly consistency: readonly string[] } | null
}

/** Characters of a key's id in the name of its log. */
const NAME_CHARS = 26

/** The log that a hub keeps in `DATA/log`: what was recorded, in its order, under heads that its own key signs. */
export class HubLog {
  readonly folder: string
  readonly #log: LastingLog
  readonly #sequencer: Sequencer
  readonly #cosigners: Cosigners
  readonly #told: { readonly log: string; readonly hub: string }

  private constructor(parts: {
    log: LastingLog
    folder: string
    sequencer: Sequencer
    cosigners: Cosigners
    told: { log: string; hub: string }
  }) {
    this.folder = parts.folder
    this.#log = parts.log
    this.#sequencer = parts.sequencer
    this.#cosigners = parts.cosigners
    this.#told = parts.told
  }

  /**
   * Opens the log, or begins it, and writes what was recorded and is not in it yet.
   *
   * @throws OwnlensError `hub.damaged`; `log.tile`, `log.root` when entries under the signed head are not whole.
   */
  static async open(options: {
    disk: Disk
    data: string
    database: Db
    authority: Pick<Authority, 'hubKey' | 'hubCertificate'>
    now: () => Date
    logger: Logger
    /** Who is asked to cosign every head. */
    witnesses?: readonly WitnessPlace[]
  }): Promise<HubLog> {
    const { disk, data, database, authority, now, logger, witnesses: places = [] } = options
    const folder = join(data, 'log')
    const key = await openLogKey(disk, data)
    const log = await LastingLog.open({ disk, folder, name: nameOf(key), key })
    const statement = { key: log.now.verifierKey, issuedAt: now().toISOString() }
    const told = {
      log: await makeStatement(logKind, statement, authority.hubKey),
      hub: Buffer.from(authority.hubCertificate).toString('base64'),
    }
    const path = join(data, 'log-cosigned.json')
    const cosigners = await Cosigners.open({ disk, path, places, log, logger })
    const sequencer = await Sequencer.open(database, log, logger, () => cosigners.wake())
    return new HubLog({ log, folder, sequencer, cosigners, told })
  }

  /** The log as it is now. */
  get log(): Log {
    return this.#log.now
  }

  /** Its verifier key. */
  get key(): string {
    return this.log.verifierKey
  }

  get checkpoint(): string {
    return this.log.checkpoint
  }

  /**
   * @param since how many entries the asker's own head has.
   * @param witnesses how many must have cosigned `cosigned`.
   */
  async head(since: number, witnesses = 1): Promise<HeadAnswer> {
    const { checkpoint, size } = this.log
    const consistency = await this.consistency(Math.min(since, size), size)
    const found = this.#cosigners.newest(witnesses)
    const cosigned =
      found === undefined || found.size > size
        ? null
        : {
            checkpoint: found.note,
            consistency: await this.consistency(found.size, size),
          }
    return { ...this.#told, checkpoint, consistency, cosigned }
  }

  /** That the first `from` entries are the beginning of the first `to`. Throws `hub.request`. */
  async consistency(from: number, to: number): Promise<readonly string[]> {
    if (from > to || to > this.log.size) throw new OwnlensError('hub.request', 'no such sizes of the log')
    const proof = await this.log.consistency(from, to)
    return proof.map(hash => Buffer.from(hash).toString('base64'))
  }

  /** Something may have been recorded. */
  wake(): void {
    this.#sequencer.wake()
  }

  /** Resolves when everything that was committed before is in the log. */
  flush(): Promise<void> {
    return this.#sequencer.flush()
  }

  async close(): Promise<void> {
    await this.#sequencer.close()
    await this.#cosigners.close()
  }
}

/** Which log a key signs heads of. */
function nameOf(key: KeyObject): string {
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' })
  return `ownlens-${idOfKey(new Uint8Array(spki)).slice(0, NAME_CHARS)}`
}

/** Made at the first start. A log without its key is damage: another key would be another log. */
async function openLogKey(disk: Disk, data: string): Promise<KeyObject> {
  const path = join(data, 'log.key')
  try {
    const isBegun = (await disk.info(join(data, 'log', 'checkpoint'))) !== undefined
    if (isBegun && (await readSettled(disk, path)) === undefined) throw new Error('it is missing')
    return await openSigningKey(disk, path)
  } catch (cause) {
    throw new OwnlensError('hub.damaged', path, { cause })
  }
}
