import { OwnlensError } from '../../protocol/errors.ts'
import { hex, sha256 } from '../../protocol/ids.ts'
import type { MakerRoot } from '../../protocol/maker-chain.ts'
import { type RecordContent, recordContent } from '../../protocol/record.ts'
import { enrolmentKind } from '../../protocol/registrar.ts'
import { readStatement, statementHash } from '../../protocol/statement.ts'
import type { Disk } from '../../storage/disk.ts'
import type { Checkpoint } from '../checkpoint.ts'
import { OpenedRecords } from '../opened.ts'
import { verifyLog } from '../verify.ts'
import { Boards } from './boards.ts'
import { Cameras } from './cameras.ts'
import { type Finding, Findings, type Logged, type Placed } from './finding.ts'
import { HouseholdLines } from './households.ts'
import { Maker } from './maker.ts'
import { Reports } from './reports.ts'

export interface Audited {
  /** Entries whose records were there, and held. */
  readonly opened: number
  /** Entries that nobody could look into: their records are erased, or were withheld. */
  readonly closed: number
  /** Opened entries by kind. */
  readonly kinds: Readonly<Record<string, number>>
  readonly findings: readonly Finding[]
  /** Records that need the maker's root certificate to be judged, which was not there. */
  readonly unjudged: number
  /** Whose words were taken for the maker's root's; null when there were none. */
  readonly makerRoot: string | null
}

/**
 * Judges a whole log by itself: that it is whole, that every opened record is the one that was logged and its statements hold, and
 * that what happened follows PROTOCOL 3, 4 and 9. It shares no rule with the registrar, whose mistakes it is to find.
 *
 * @param records the file of opened records; without one all entries are closed.
 * @throws OwnlensError what `verifyLog` throws; `log.record`, `log.records`.
 */
export async function auditLog(
  disk: Disk,
  folder: string,
  head: Pick<Checkpoint, 'size' | 'root'>,
  { records, makerRoot }: { records: string | undefined; makerRoot: MakerRoot | undefined },
): Promise<Audited> {
  const opened = await OpenedRecords.open(records)
  const judge = new Judge(makerRoot)
  await verifyLog(disk, folder, head, {
    async entry(position, bytes) {
      const found = await opened.at(position, bytes)
      if (found === undefined) return
      const { closed } = opened.counts
      await judge.take({ position, at: found.at, closed }, found.content)
    },
  })
  await opened.end()
  return { ...opened.counts, ...judge.end() }
}

class Judge {
  readonly #findings = new Findings()
  readonly #households = new HouseholdLines(this.#findings.tell)
  readonly #cameras = new Cameras(this.#findings.tell, this.#households)
  readonly #boards = new Boards(this.#findings.tell)
  readonly #reports = new Reports(this.#findings.tell, this.#households)
  readonly #maker: Maker
  readonly #kinds = new Map<string, number>()
  /** What was taken already: a registrar that was restored from a backup records again what it is told again. */
  readonly #seen = new Set<string>()
  #unjudged = 0

  constructor(makerRoot: MakerRoot | undefined) {
    this.#maker = new Maker(this.#findings.tell, makerRoot)
  }

  async take(about: Placed, text: string): Promise<void> {
    const content = readContent(text)
    if (content === undefined)
      return this.#findings.tell('statement', 'it says nothing that is known', {
        positions: [about.position],
      })
    this.#kinds.set(content.kind, (this.#kinds.get(content.kind) ?? 0) + 1)
    const name = nameOf(content)
    if (name !== undefined && this.#seen.has(name)) return
    try {
      await this.#judge(about, content)
      if (name !== undefined) this.#seen.add(name)
    } catch (error) {
      if (!(error instanceof OwnlensError)) throw error
      const says = `${content.kind}: ${error.message}`
      this.#findings.tell('statement', says, { positions: [about.position] })
    }
  }

  async #judge(about: Placed, content: RecordContent): Promise<void> {
    switch (content.kind) {
      case 'household':
        return this.#households.take({ ...about, content })
      case 'claim':
        return this.#cameras.claim({ ...about, content })
      case 'release':
        return this.#cameras.release({ ...about, content })
      case 'reset':
        return this.#cameras.reset({ ...about, content })
      case 'block':
        return this.#cameras.block({ ...about, content })
      case 'move':
        return this.#cameras.move({ ...about, content })
      case 'enrolment':
        return this.#enrolment({ ...about, content })
      case 'registration':
        return this.#maker.registration({ ...about, content })
      case 'serial':
        return this.#maker.serial({ ...about, content })
      case 'makerBlock':
        return this.#maker.block({ ...about, content })
      case 'report':
        return this.#reports.report({ ...about, content })
      case 'incident':
        return this.#reports.incident({ ...about, content })
      case 'station':
      case 'signer':
        return this.#maker.key({ ...about, content })
      case 'idevid':
        if (!(await this.#maker.idevid({ ...about, content }))) this.#unjudged++
    }
  }

  async #enrolment(logged: Logged<'enrolment'>): Promise<void> {
    const asked = await readStatement(enrolmentKind, logged.content.enrolment, 'itself')
    const { id } = asked.payload
    if (asked.signer.id !== id) {
      const about = { positions: [logged.position], keys: [asked.signer.id] }
      return this.#findings.tell('signer', 'a certificate that somebody else asked for', about)
    }
    this.#cameras.enrolment(logged, asked.payload)
    this.#boards.take(logged, asked.payload)
    if (logged.content.verdict === 'fresh') this.#maker.mustNotBlock(id, 'given a certificate', logged)
  }

  end(): Omit<Audited, 'opened' | 'closed'> {
    this.#boards.end()
    this.#maker.end()
    return {
      kinds: Object.fromEntries([...this.#kinds].sort()),
      findings: this.#findings.all,
      unjudged: this.#unjudged,
      makerRoot: this.#maker.rootId ?? null,
    }
  }
}

function readContent(text: string): RecordContent | undefined {
  try {
    return recordContent.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}

/** What a record is known by when it comes again; an enrolment never does. */
function nameOf(content: RecordContent): string | undefined {
  if (content.kind === 'enrolment') return undefined
  if (content.kind === 'idevid') return hex(sha256(...content.chain))
  switch (content.kind) {
    case 'household':
      return statementHash(content.roster)
    case 'makerBlock':
    case 'block':
      return statementHash(content.block)
    case 'claim':
      return statementHash(content.claim)
    case 'release':
      return statementHash(content.release)
    case 'reset':
      return statementHash(content.reset)
    case 'move':
      return statementHash(content.move)
    case 'registration':
      return statementHash(content.registration)
    case 'serial':
      return statementHash(content.serial)
    case 'station':
      return statementHash(content.station)
    case 'signer':
      return statementHash(content.signer)
    case 'report':
      return statementHash(content.report)
    case 'incident':
      return statementHash(content.incident)
  }
}
