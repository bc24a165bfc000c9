import { EVIDENCE_PREFIX, HEADS_FILE, KeptHeads } from '../../log/kept-heads.ts'
import type { ErrorCode } from '../../protocol/errors.ts'
import { codeOf } from '../../protocol/errors.ts'
import type { LogPosition } from '../../protocol/log.ts'
import type { Disk } from '../../storage/disk.ts'
import type { HubClient } from '../../wire/hub-client.ts'
import { askLogHead } from '../../wire/hub-log.ts'
import type { TlsIdentity } from '../../wire/tls.ts'

/**
 * How far the camera has followed the hub's log (PROTOCOL 10.3). A log that lies stops nothing: the camera goes on recording and
 * sending for its own home, and says so.
 */
export class LogHead {
  readonly #heads: KeptHeads | undefined
  /** Its CA's id; undefined until it was asked for its log. */
  #hub: string | undefined

  private constructor(heads: KeptHeads | undefined) {
    this.#heads = heads
  }

  /** What cannot be read is told, and nothing is followed until a repair. */
  static async open(disk: Disk, data: string, now: () => number): Promise<LogHead> {
    const opened = KeptHeads.open(disk, data, () => new Date(now()))
    return new LogHead(
      await opened.catch(error => {
        if (codeOf(error) !== 'log.kept') throw error
        return undefined
      }),
    )
  }

  /** The log is followed anew: somebody has repaired the camera, and stood before it. */
  static async forget(disk: Disk, data: string): Promise<void> {
    await KeptHeads.forget(disk, data)
  }

  /** What goes with a reset. */
  static isOfHousehold(name: string): boolean {
    return name === HEADS_FILE || name.startsWith(EVIDENCE_PREFIX)
  }

  /** Where the log of the hub was that is spoken with now: another hub's would say nothing of it. */
  get position(): LogPosition | null {
    return this.#hub === undefined ? null : (this.#heads?.position(this.#hub) ?? null)
  }

  /** What the log is refused for, until a repair; null when all is well. */
  get trouble(): ErrorCode | null {
    return this.#heads === undefined ? 'log.kept' : (this.#heads.refused?.code ?? null)
  }

  /**
   * Takes the hub's newest head.
   *
   * @throws OwnlensError `log.*`, `hub.*`, `statement.*`.
   */
  async follow(hub: HubClient, tls: TlsIdentity): Promise<void> {
    const { caId } = hub.address
    this.#hub = caId
    if (this.#heads === undefined) return
    await this.#heads.take(caId, await askLogHead(hub, tls, this.#heads.sizeOf(caId)))
  }
}
