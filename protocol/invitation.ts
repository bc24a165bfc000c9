import { base32nopad } from '@scure/base'
import { OwnlensError } from './errors.ts'
import { ID_PATTERN } from './ids.ts'

/** What a household hands to the camera that it invites; the text of the QR code. */
export interface Invitation {
  readonly rootId: string
  /** 16 bytes, used once. */
  readonly secret: Uint8Array
  /** `https://host:port`. */
  readonly hubUrl: string
  readonly caId: string
}

/** PROTOCOL 4.1: the most characters of an invitation, so that a webcam can read its QR code. */
export const INVITATION_MAX = 160

/**
 * `OWNLENS1:<root>:<secret>:<ca>:<host>:<port>` in the characters of QR's alphanumeric mode.
 *
 * @throws OwnlensError `invitation.size` when the hub's address is too long.
 */
export function writeInvitation({ rootId, secret, hubUrl, caId }: Invitation): string {
  const { hostname, port } = new URL(hubUrl)
  const parts = ['OWNLENS1', rootId, base32nopad.encode(secret), caId, hostname, port === '' ? '443' : port]
  const text = parts.join(':').toUpperCase()
  if (text.length > INVITATION_MAX) throw new OwnlensError('invitation.size', hubUrl)
  return text
}

/** Reads the text of an invitation; throws `invitation.form` or `invitation.size`. */
export function readInvitation(text: string): Invitation {
  if (text.length > INVITATION_MAX) throw new OwnlensError('invitation.size')
  const [mark, rootId = '', secret = '', caId = '', ...address] = text.trim().split(':')
  const port = address.pop() ?? ''
  const host = address.join(':').toLowerCase()
  const ids = { rootId: rootId.toLowerCase(), caId: caId.toLowerCase() }
  const url = `https://${host}${port === '443' ? '' : `:${port}`}`
  const good =
    mark === 'OWNLENS1' &&
    ID_PATTERN.test(ids.rootId) &&
    ID_PATTERN.test(ids.caId) &&
    /^[A-Z2-7]{26}$/.test(secret) &&
    /^\d{1,5}$/.test(port) &&
    URL.canParse(url) &&
    new URL(url).origin === url
  if (!good) throw new OwnlensError('invitation.form')
  try {
    return { ...ids, secret: base32nopad.decode(secret), hubUrl: url }
  } catch (cause) {
    throw new OwnlensError('invitation.form', undefined, { cause })
  }
}
