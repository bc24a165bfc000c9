import { generateHybridIdentity, generateX25519Identity, identityToRecipient } from 'age-encryption'
import type { Recipients, Suite } from '../protocol/fields.ts'
import { makePrivateKey, privateKeyToPem, type Signer } from '../protocol/keys.ts'
import { recipientKind } from '../protocol/roster.ts'
import { makeStatement } from '../protocol/statement.ts'
import type { MemberFile } from './home-data.ts'

/** A member's keys: one to sign with, age identities to open with. */
export async function makeMember(suite: Suite): Promise<MemberFile> {
  return {
    key: privateKeyToPem(makePrivateKey()),
    x25519: await generateX25519Identity(),
    hybrid: suite === 'hybrid' ? await generateHybridIdentity() : null,
  }
}

/** A member's statement of where it is to be sealed to. */
export async function memberRecipient(
  member: MemberFile,
  householdId: string,
  signer: Signer,
): Promise<string> {
  const recipients: Recipients = {
    x25519: await identityToRecipient(member.x25519),
    hybrid: member.hybrid === null ? null : await identityToRecipient(member.hybrid),
  }
  return makeStatement(recipientKind, { householdId, memberId: signer.id, number: 1, recipients }, signer)
}

/** The age identities that open what is sealed to this member. */
export function identitiesOf(member: MemberFile): readonly string[] {
  return [member.x25519, ...(member.hybrid === null ? [] : [member.hybrid])]
}

/** Where a member seals what only it shall read. */
export async function ownRecipient(member: MemberFile): Promise<string> {
  return identityToRecipient(member.hybrid ?? member.x25519)
}
