import type { Signer } from '../protocol/keys.ts'
import { alertKind } from '../protocol/messages.ts'
import { sealStatement } from '../protocol/sealed.ts'
import type { Membership } from './household.ts'

/** What an alert tells, before it is sealed. */
export interface AlertContent {
  readonly clipId: string
  /** Grows within `boot`. */
  readonly counter: number
  readonly boot: string
  /** When the face was first on camera. */
  readonly at: Date
  readonly faces: number
  /** JPEG; left out when it is too large. */
  readonly picture: Uint8Array | undefined
}

/** An alert carries a small picture: base64 of this many bytes still fits. */
const PICTURE_MAX = 48 * 1024

/** Signs an alert and seals it to the household (PROTOCOL 7.1). */
export async function sealAlert(
  { picture, at, ...content }: AlertContent,
  member: Membership,
  signer: Signer,
): Promise<Uint8Array> {
  const fits = picture !== undefined && picture.length <= PICTURE_MAX
  const thumbnail = fits ? Buffer.from(picture).toString('base64') : null
  const alert = {
    ...member.envelope,
    ...content,
    trigger: 'face',
    at: at.toISOString(),
    names: [],
    thumbnail,
  } as const
  return sealStatement(alertKind, { ...alert, names: [] }, signer, member.recipients)
}
