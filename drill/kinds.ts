import { kindOfPart } from '../protocol/part.ts'
import type { readTopic } from '../protocol/topics.ts'

/** What two homes saw of each other in the incident that this project comes from. */
export const KINDS = ['video', 'picture', 'sound', 'faces'] as const
export type Kind = (typeof KINDS)[number]

type Topic = NonNullable<ReturnType<typeof readTopic>>

/** Which of the four a sealed thing under this topic carries; none for openings, hashes, status and gaps. */
export function kindsUnder(topic: Topic): readonly Kind[] {
  if (topic.kind === 'alert') return ['picture', 'faces']
  if (topic.kind === 'live') return ['video', 'sound']
  if (topic.kind !== 'clip') return []
  switch (kindOfPart(topic.part)) {
    case 'video':
      // One file with both.
      return ['video', 'sound']
    case 'thumb':
      return ['picture']
    case 'end':
      return ['faces']
    default:
      return []
  }
}
