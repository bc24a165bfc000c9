import { OwnlensError } from '../protocol/errors.ts'
import { ID_PATTERN } from '../protocol/ids.ts'
import type { HubAddress } from './hub-client.ts'

/** Whether both are one hub under one certificate authority. */
export function sameHub(one: HubAddress, other: HubAddress): boolean {
  return one.url === other.url && one.caId === other.caId
}

/** Reads `https://host:port#caId`, as `ownlens hub` prints it. Throws `home.hub`. */
export function readHubAddress(text: string): HubAddress {
  const [url = '', caId = ''] = text.split('#')
  if (!ID_PATTERN.test(caId) || !URL.canParse(url) || new URL(url).origin !== url.replace(/\/$/, ''))
    throw new OwnlensError('home.hub', text)
  return { url: new URL(url).origin, caId }
}
