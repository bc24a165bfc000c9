import { join } from 'node:path'
import { OwnlensError } from '../protocol/errors.ts'
import { statementHash } from '../protocol/statement.ts'
import { type Disk, readSettled, replaceFile } from '../storage/disk.ts'
import { type ReceiptFile, type ReportProof, receiptFile, reportProof } from '../wire/report-proof.ts'

/** A report that this app has made. */
export interface KeptReport {
  readonly hash: string
  readonly report: string
  readonly evidence: string
  /** Undefined until the hub has signed for it. */
  readonly receipt: ReceiptFile | undefined
  /** The newest proof that was put together. */
  readonly proof: ReportProof | undefined
}

/** `reports/<hash>/` in a household's folder: `report.jws`, `evidence.json`, `receipt.json`, `proof.json`. Nothing is removed. */
export class ReportFiles {
  readonly #disk: Disk
  readonly #folder: string

  constructor(disk: Disk, data: string) {
    this.#disk = disk
    this.#folder = join(data, 'reports')
  }

  /** The evidence first: a report without it would be worth nothing. Returns the report's hash. */
  async keep(report: string, evidence: string): Promise<string> {
    const hash = statementHash(report)
    const at = join(this.#folder, hash)
    await this.#disk.makeFolder(at)
    await replaceFile(this.#disk, join(at, 'evidence.json'), evidence)
    await replaceFile(this.#disk, join(at, 'report.jws'), report)
    return hash
  }

  async keepReceipt(hash: string, receipt: ReceiptFile): Promise<void> {
    await replaceFile(this.#disk, join(this.#folder, hash, 'receipt.json'), JSON.stringify(receipt))
  }

  async keepProof(hash: string, proof: ReportProof): Promise<void> {
    await replaceFile(this.#disk, join(this.#folder, hash, 'proof.json'), JSON.stringify(proof))
  }

  /** Every report of this app that is whole, oldest first. Throws `home.damaged`. */
  async all(): Promise<readonly KeptReport[]> {
    const found: (KeptReport & { at: string })[] = []
    for (const hash of await this.#disk.list(this.#folder)) {
      const read = (name: string) => readSettled(this.#disk, this.#folder, hash, name)
      const [report, evidence] = [await read('report.jws'), await read('evidence.json')]
      if (report === undefined || evidence === undefined) continue
      const [receipt, proof] = [await read('receipt.json'), await read('proof.json')]
      try {
        found.push({
          ...{ hash, report, evidence, at: String(JSON.parse(evidence).at) },
          receipt: receipt === undefined ? undefined : receiptFile.parse(JSON.parse(receipt)),
          proof: proof === undefined ? undefined : reportProof.parse(JSON.parse(proof)),
        })
      } catch (cause) {
        throw new OwnlensError('home.damaged', join(this.#folder, hash), { cause })
      }
    }
    return found.sort((a, b) => a.at.localeCompare(b.at))
  }
}
