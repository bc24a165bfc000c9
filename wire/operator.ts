import { resolve } from 'node:path'
import { z } from 'zod'
import { OwnlensError } from '../protocol/errors.ts'
import { id } from '../protocol/fields.ts'
import { privateKeyFromPem, type Signer, signerOf } from '../protocol/keys.ts'
import { type Disk, readText } from '../storage/disk.ts'
import { readHubAddress } from './hub-address.ts'
import { HubClient } from './hub-client.ts'

/** `DATA/hub.json`, written at each start of a hub: how a command finds the one that runs over this folder. */
export const hubFile = z.strictObject({
  /** `https://host:port#caId`. */
  address: z.string().max(300),
  /** The operator key's. */
  operator: id,
  /** The verifier key of the hub's log. */
  log: z.string().max(200),
})

/** Whoever runs a hub, with the key that its data folder holds. */
export interface Operator {
  readonly signer: Signer
  readonly hub: HubClient
  /** The hub's data folder. */
  readonly folder: string
  /** The verifier key of the hub's log. */
  readonly logKey: string
}

/**
 * Finds the hub that runs over a data folder, and the key that its operator's requests are signed with (PROTOCOL 11.5).
 *
 * @throws OwnlensError `operator.absent`.
 */
export async function operatorOf(disk: Disk, hubData: string): Promise<Operator> {
  const folder = resolve(hubData)
  const [about, key] = [
    await readText(disk, folder, 'hub.json'),
    await readText(disk, folder, 'operator.key'),
  ]
  if (about === undefined || key === undefined) throw new OwnlensError('operator.absent', folder)
  try {
    const { address, log: logKey } = hubFile.parse(JSON.parse(about))
    return {
      signer: signerOf(privateKeyFromPem(key)),
      hub: new HubClient(readHubAddress(address)),
      folder,
      logKey,
    }
  } catch (cause) {
    throw new OwnlensError('operator.absent', folder, { cause })
  }
}
