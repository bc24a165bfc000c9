import { join } from 'node:path'
import { OwnlensError } from '../../protocol/errors.ts'
import {
  makePrivateKey,
  privateKeyFromPem,
  privateKeyToPem,
  type Signer,
  signerOf,
} from '../../protocol/keys.ts'
import { type Disk, readSettled, replaceFile } from '../../storage/disk.ts'

/**
 * The key of whoever runs the hub: it signs incidents and orders about the hub's own records, and nothing of homes or cameras
 * asks it for anything. Made at the first start, in `DATA/operator.key`.
 *
 * @throws OwnlensError `hub.damaged`.
 */
export async function openOperatorKey(disk: Disk, data: string): Promise<Signer> {
  const path = join(data, 'operator.key')
  const there = await readSettled(disk, path)
  if (there === undefined) {
    const key = makePrivateKey()
    await replaceFile(disk, path, privateKeyToPem(key))
    return signerOf(key)
  }
  try {
    return signerOf(privateKeyFromPem(there))
  } catch (cause) {
    throw new OwnlensError('hub.damaged', path, { cause })
  }
}
