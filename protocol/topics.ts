/** Which camera of which home, in which epoch. */
export interface DeviceAddress {
  readonly householdId: string
  readonly epoch: number
  readonly deviceId: string
}

/** What a topic says, PROTOCOL 6.1. */
export type Topic = DeviceAddress &
  (
    | { readonly kind: 'clip'; readonly clipId: string; readonly part: string }
    | { readonly kind: 'alert' | 'status' | 'gap' | 'command' | 'people' | 'ack' }
    | { readonly kind: 'live'; readonly session: string }
  )

/** A part of a clip: the opening, video 0…, running hashes h0…, the thumbnail, the end. */
export const PART_PATTERN = /^(open|thumb|end|h?(0|[1-9]\d{0,4}))$/

/** `ownlens/1/<householdId>/<epoch>/<deviceId>`. */
export function deviceTopic({ householdId, epoch, deviceId }: DeviceAddress): string {
  return `ownlens/1/${householdId}/${epoch}/${deviceId}`
}

/** The topic's text. */
export function writeTopic(topic: Topic): string {
  const base = deviceTopic(topic)
  if (topic.kind === 'clip') return `${base}/clip/${topic.clipId}/${topic.part}`
  if (topic.kind === 'live') return `${base}/live/${topic.session}`
  return `${base}/${topic.kind}`
}

const DEVICE = /^ownlens\/1\/([a-z2-7]{51}[aq])\/([1-9]\d{0,9})\/([a-z2-7]{51}[aq])\/(.+)$/
const CLIP = /^clip\/([a-z2-7]{26})\/([a-z0-9]{1,6})$/
const LIVE = /^live\/([a-z2-7]{26})$/
const PLAIN = /^(alert|status|gap|command|people|ack)$/

/** Reads a topic; undefined when it is none of ours. */
export function readTopic(text: string): Topic | undefined {
  if (text.length > 256) return undefined
  const match = DEVICE.exec(text)
  const [, householdId, epochText, deviceId, rest] = match ?? []
  if (!householdId || !epochText || !deviceId || !rest) return undefined
  const epoch = Number(epochText)
  if (epoch > 0xffffffff) return undefined
  const address = { householdId, epoch, deviceId }
  const clip = CLIP.exec(rest)
  if (clip?.[1] && clip[2] && PART_PATTERN.test(clip[2]))
    return { ...address, kind: 'clip', clipId: clip[1], part: clip[2] }
  const live = LIVE.exec(rest)
  if (live?.[1]) return { ...address, kind: 'live', session: live[1] }
  const plain = PLAIN.exec(rest)?.[1] as 'alert' | undefined
  return plain === undefined ? undefined : { ...address, kind: plain }
}
