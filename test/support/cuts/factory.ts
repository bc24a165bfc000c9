import { ok } from 'node:assert/strict'
import type { KeyObject } from 'node:crypto'
import { certifyRoot } from '../../../deploy/factory/certificates.ts'
import { makeBoard } from '../../../deploy/factory/make.ts'
import { OfflineFile } from '../../../deploy/factory/offline-file.ts'
import { RootFolder } from '../../../deploy/factory/root.ts'
import { Station } from '../../../deploy/factory/station.ts'
import { makePrivateKey, type Signer } from '../../../protocol/keys.ts'
import { birthKind } from '../../../protocol/maker.ts'
import { makeStatement } from '../../../protocol/statement.ts'
import { readText, replaceFile } from '../../../storage/disk.ts'
import type { Scenario } from '../faults/every-cut.ts'
import { newSigner } from '../people.ts'

const NOW = new Date('2026-11-25T12:00:00Z')
const STATION = '/data/station'
const FILE = '/data/written/boards'
const BOARDS = '/data/boards'

interface Notes {
  readonly root: { readonly key: KeyObject; readonly certificate: Awaited<ReturnType<typeof certifyRoot>> }
  readonly board: Signer
  /** The station's id, once somebody was told. */
  station: string | undefined
}

/** A station makes a board offline, and begins anew wherever it was interrupted. */
export const madeOffline: Scenario<Notes> = {
  async prepare() {
    const key = makePrivateKey()
    const root = { key, certificate: await certifyRoot(key, 'Maker', NOW) }
    return { root, board: newSigner(), station: undefined }
  },
  async life(disk, notes) {
    const { root, board } = notes
    if (notes.station === undefined) {
      const { signer } = await Station.certify(disk, STATION, { root, name: 'Line', now: NOW })
      notes.station = signer.id
    }
    const station = await Station.open(disk, STATION, NOW)
    await disk.makeFolder(BOARDS)
    const nonce = await station.giveNonce(NOW)
    const serial = 'OL-1'
    const birth = await makeStatement(birthKind, { deviceId: board.id, serial, nonce }, board)
    await makeBoard(
      station,
      { serial, birth, now: NOW },
      {
        asked: given => station.isOpen(given, NOW),
        register: registration => new OfflineFile(disk, FILE).add(registration),
        keep: idevid => replaceFile(disk, `${BOARDS}/idevid.pem`, idevid),
      },
    )
  },
  async check(disk, { board, station }) {
    if (station !== undefined)
      ok((await Station.open(disk, STATION, NOW)).signer.id === station, 'it is another station')
    const text = await readText(disk, FILE)
    const written = text === undefined ? [] : await new OfflineFile(disk, FILE).read()
    const ids = written.map(line => ('registration' in line ? line.registration.deviceId : 'damaged'))
    ok(ids.length <= 1 && ids.every(id => id === board.id), ids.join())
    if ((await readText(disk, BOARDS, 'idevid.pem')) !== undefined)
      ok(ids.length === 1, 'it has a certificate and is not written down')
  },
}

/** A number that stands in a word of the root's is never used again. */
export const numberOfWords: Scenario<{ used: number }> = {
  prepare: async () => ({ used: 0 }),
  async life(disk, notes) {
    await disk.makeFolder('/data/maker')
    const root = new RootFolder(disk, '/data/maker')
    for (let more = 0; more < 2; more++) {
      const number = await root.nextNumber()
      ok(number > notes.used, `${number} after ${notes.used}`)
      notes.used = number
    }
  },
  async check() {},
}
