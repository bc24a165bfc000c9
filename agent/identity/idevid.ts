import { X509Certificate } from 'node:crypto'
import { idOfKey } from '../../protocol/ids.ts'
import { type Disk, readText } from '../../storage/disk.ts'

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g
/** More is no chain of a board's (PROTOCOL 9.4). */
const LONGEST = 3

/**
 * The certificates that the factory put into `DATA/idevid.pem`, as a half carries them: DER in base64, the board's own first. None
 * where there is no file, where it cannot be read, and where it is about another key (a board whose keys were replaced): a
 * hub of one's own asks for none, and one that does will say so.
 */
export async function shownIdevid(disk: Disk, data: string, deviceId: string): Promise<string[]> {
  const text = (await readText(disk, data, 'idevid.pem')) ?? ''
  try {
    const chain = (text.match(PEM) ?? []).slice(0, LONGEST).map(pem => new X509Certificate(pem))
    const own = chain[0]?.publicKey.export({ type: 'spki', format: 'der' })
    if (own === undefined || idOfKey(own) !== deviceId) return []
    return chain.map(({ raw }) => raw.toString('base64'))
  } catch {
    return []
  }
}
