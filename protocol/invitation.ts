import { base32nopad } from '@scure/base'
import { OwnlensError } from './errors.ts'
import { base32 } from './ids.ts'

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

const MARK = 'OL1'
/** Of QR's alphanumeric mode (ISO/IEC 18004 §7.4.4), those that occur. */
const ALPHANUMERIC = /^[0-9A-Z.:-]+$/
/** Root id, secret and CA id as bytes. */
const KEY_BYTES = 32 + 16 + 32

/**
 * `OL1:<root, secret, CA>:<host>:<port>` in the characters of QR's alphanumeric mode. Host and port have room for 27
 * characters between them.
 *
 * @throws OwnlensError `invitation.size` when the hub's address is too long, `invitation.host` when it has characters that
 *   the mode lacks.
 */
export function writeInvitation({ rootId, secret, hubUrl, caId }: Invitation): string {
  const { hostname, port } = new URL(hubUrl)
  // The brackets of an IPv6 address are not among QR's alphanumeric characters; its colons are.
  const host = hostname.replace(/^\[|\]$/g, '')
  const keys = Buffer.concat([bytesOfId(rootId), secret, bytesOfId(caId)])
  const parts = [MARK, base32nopad.encode(keys), host, port === '' ? '443' : port]
  const text = parts.join(':').toUpperCase()
  if (text.length > INVITATION_MAX) throw new OwnlensError('invitation.size', hubUrl)
  if (!ALPHANUMERIC.test(text)) throw new OwnlensError('invitation.host', hubUrl)
  return text
}

/** Reads the text of an invitation; throws `invitation.form` or `invitation.size`. */
export function readInvitation(text: string): Invitation {
  if (text.length > INVITATION_MAX) throw new OwnlensError('invitation.size')
  const trimmed = text.trim()
  const [mark, keys = '', ...address] = trimmed.split(':')
  const port = address.pop() ?? ''
  const name = address.join(':').toLowerCase()
  const host = name.includes(':') ? `[${name}]` : name
  const url = `https://${host}${port === '443' ? '' : `:${port}`}`
  const good =
    mark === MARK &&
    ALPHANUMERIC.test(trimmed) &&
    /^[A-Z2-7]{128}$/.test(keys) &&
    /^\d{1,5}$/.test(port) &&
    URL.canParse(url) &&
    new URL(url).origin === url
  if (!good) throw new OwnlensError('invitation.form')
  try {
    const bytes = base32nopad.decode(keys)
    if (bytes.length !== KEY_BYTES) throw new Error('not three keys')
    return {
      rootId: base32(bytes.subarray(0, 32)),
      secret: bytes.slice(32, 48),
      caId: base32(bytes.subarray(48)),
      hubUrl: url,
    }
  } catch (cause) {
    throw new OwnlensError('invitation.form', undefined, { cause })
  }
}

const bytesOfId = (id: string): Uint8Array => base32nopad.decode(id.toUpperCase())
