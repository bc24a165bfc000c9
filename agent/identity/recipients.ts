import { identityToRecipient } from 'age-encryption'
import type { KeyStore } from '../../hardware/hardware.ts'
import type { Recipients } from '../../protocol/fields.ts'

/** Where homes seal to this device. */
export async function recipientsOf(keyStore: KeyStore): Promise<Recipients> {
  const { x25519, hybrid } = await keyStore.ageIdentities()
  return { x25519: await identityToRecipient(x25519), hybrid: await identityToRecipient(hybrid) }
}
