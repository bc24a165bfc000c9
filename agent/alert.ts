import type { Signer } from '../protocol/keys.ts'
import { type Alert, alertKind } from '../protocol/messages.ts'
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
  /** JPEG; left out when it is larger than `ALERT_PICTURE_MAX`. */
  readonly picture: Uint8Array | undefined
}

/** An alert carries a small picture: base64 of this many bytes still fits. */
export const ALERT_PICTURE_MAX = 48 * 1024
/** More are not counted. */
const FACES_MAX = 64

/** Signs an alert and seals it to the household (PROTOCOL 7.1). */
export async function sealAlert(
  { picture, at, faces, ...content }: AlertContent,
  member: Membership,
  signer: Signer,
): Promise<Uint8Array> {
  const fits = picture !== undefined && picture.length <= ALERT_PICTURE_MAX
  const alert: Alert = {
    ...member.envelope,
    ...content,
    faces: Math.min(faces, FACES_MAX),
    trigger: 'face',
    at: at.toISOString(),
    names: [],
    thumbnail: fits ? Buffer.from(picture).toString('base64') : null,
  }
  return sealStatement(alertKind, alert, signer, member.recipients)
}
