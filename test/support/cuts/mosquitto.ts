import { equal, ok } from 'node:assert/strict'
import 'reflect-metadata'
import { X509Crl } from '@peculiar/x509'
import { Authority } from '../../../deploy/hub/authority.ts'
import { aclText, MosquittoFiles, type Row } from '../../../deploy/hub/mosquitto-files.ts'
import { type Disk, readText } from '../../../storage/disk.ts'
import type { Scenario } from '../faults/every-cut.ts'
import { FaultDisk } from '../faults/fault-disk.ts'
import { anId } from '../stored-clips.ts'

interface Notes {
  readonly authority: Authority
  /** How many certificates the camera has had, each in place of the one before. */
  issued: number
  /** Up to which of them the files were written, as the broker was told. */
  applied: number
}

const FOLDER = '/data/mosquitto'
const NOW = Date.UTC(2026, 10, 24)
const owner = anId('camera')
let authority: Promise<Authority> | undefined

const makeAuthority = (): Promise<Authority> =>
  Authority.open(FaultDisk.make({ model: 'ordered', folder: '/ca' }).disk, '/ca', [], { now: new Date(NOW) })

/** The certificates of one camera, the newest of which counts; each is of an epoch of its own. */
const rows = (issued: number): readonly Row[] =>
  Array.from({ length: issued }, (_, index) => ({
    serial: String(index + 1).padStart(32, '0'),
    common_name: owner,
    owner,
    uri: `ownlens:device:${anId('home')}:${index + 1}:${owner}`,
    not_after: new Date(NOW + 86_400_000).toISOString(),
    superseded_at: index + 1 < issued ? new Date(NOW).toISOString() : null,
  }))

/** A camera gets one certificate after the other: the old one is revoked before the new one's rights are there. */
export const brokerRights: Scenario<Notes> = {
  async prepare() {
    authority ??= makeAuthority()
    return { authority: await authority, issued: 0, applied: 0 }
  },
  async life(disk, notes) {
    const files = new MosquittoFiles(disk, FOLDER, notes.authority)
    await files.writeConfiguration('127.0.0.1', 8883)
    for (let more = 0; more < 2; more++) {
      const issued = ++notes.issued
      await files.writeRights(rows(issued), NOW)
      notes.applied = issued
    }
  },
  async check(disk, { authority, applied, issued }) {
    const crl = await readText(disk, FOLDER, 'crl.pem')
    const acl = await readText(disk, FOLDER, 'acl')
    const revoked = crl === undefined ? 0 : new X509Crl(crl).entries.length
    const counts = Array.from({ length: issued + 1 }, (_, count) => count)
    const granted = counts.find(count => acl === aclText(rows(count).slice(-1)))
    ok(acl === undefined || granted !== undefined, 'the rights are torn')
    ok((granted ?? 0) >= applied, `rights of certificate ${granted}, after ${applied}`)
    ok(revoked >= (granted ?? 0) - 1, `${revoked} are revoked, and ${granted} has rights`)
    if (applied > 0) await settings(disk, authority)
  },
}

async function settings(disk: Disk, { tls, trustPem }: Authority): Promise<void> {
  const read = (name: string) => readText(disk, FOLDER, name)
  equal(await read('ca.pem'), trustPem)
  equal(await read('server.pem'), tls.certificate)
  equal(await read('server.key'), tls.key)
  ok((await read('mosquitto.conf'))?.endsWith('connection_messages false\n'))
}
