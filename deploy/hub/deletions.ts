import { join } from 'node:path'
import type { Logger } from 'pino'
import { deletionKind } from '../../protocol/deletion.ts'
import { codeOf, OwnlensError } from '../../protocol/errors.ts'
import type { RequestAnswer } from '../../protocol/registrar.ts'
import { readStatement, statementHash } from '../../protocol/statement.ts'
import { type Disk, readText, replaceFile } from '../../storage/disk.ts'

/**
 * What members have had deleted (PROTOCOL 6.10): their statements, `DATA/deleted/<household>/<hash>.jws`. They stay, so that neither a camera
 * that sends a clip again nor a store that is restored from a backup brings it back.
 */
export class Deletions {
  readonly #disk: Disk
  readonly #folder: string
  readonly #clips = new Map<string, Set<string>>()

  private constructor(disk: Disk, folder: string) {
    this.#disk = disk
    this.#folder = folder
  }

  /** Reads them all. What does not hold is left where it is, logged, and counts for nothing. */
  static async open(disk: Disk, folder: string, log: Logger): Promise<Deletions> {
    const deletions = new Deletions(disk, folder)
    for (const householdId of await disk.list(folder))
      for (const name of await disk.list(join(folder, householdId))) {
        if (!name.endsWith('.jws')) continue
        try {
          const jws = (await readText(disk, join(folder, householdId, name))) ?? ''
          const { payload, signer } = await readStatement(deletionKind, jws, 'itself')
          if (payload.householdId !== householdId || payload.memberId !== signer.id)
            throw new OwnlensError('statement.signer', deletionKind.typ)
          deletions.#add(householdId, payload.clips)
        } catch (error) {
          if (codeOf(error) === undefined) throw error
          log.error({ code: codeOf(error), name }, 'a deletion cannot be read')
        }
      }
    return deletions
  }

  /** Whether a member has had this clip deleted. */
  has(householdId: string, clipId: string): boolean {
    return this.#clips.get(householdId)?.has(clipId) ?? false
  }

  /**
   * Keeps a member's word, before anything is removed.
   *
   * @returns the clips that it names.
   * @throws OwnlensError `statement.*`.
   */
  async keep(householdId: string, memberId: string, jws: string): Promise<readonly string[]> {
    const { payload } = await readStatement(deletionKind, jws, memberId)
    if (payload.householdId !== householdId || payload.memberId !== memberId)
      throw new OwnlensError('statement.signer', deletionKind.typ)
    const folder = join(this.#folder, householdId)
    await this.#disk.makeFolder(folder)
    await replaceFile(this.#disk, join(folder, `${statementHash(jws)}.jws`), jws)
    this.#add(householdId, payload.clips)
    return payload.clips
  }

  /** The household is to be forgotten. */
  async forget(householdId: string): Promise<void> {
    this.#clips.delete(householdId)
    await this.#disk.remove(join(this.#folder, householdId))
    await this.#disk.syncFolder(this.#folder).catch(() => undefined)
  }

  #add(householdId: string, clips: readonly string[]): void {
    const known = this.#clips.get(householdId) ?? new Set()
    this.#clips.set(householdId, known)
    for (const clip of clips) known.add(clip)
  }
}

/** What a member's request `delete` does. */
export type Delete = (
  householdId: string,
  memberId: string,
  deletion: string,
) => Promise<RequestAnswer<'delete'>>
