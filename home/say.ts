import type { Claim } from '../protocol/claim.ts'
import type { ListedClip, missingNumbers, Refused } from './clips.ts'
import type { Names } from './home-data.ts'
import type { RefusedStatement } from './household.ts'
import type { News } from './watch.ts'

/** Columns as wide as their widest cell. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map(row => (row[column] ?? '').length)))
  return rows
    .map(row =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** Cameras and clips as a person reads them. */
export function clipTable(found: {
  listed: readonly ListedClip[]
  refused: SortedRefusals
  statements: readonly RefusedStatement[]
  missing: ReturnType<typeof missingNumbers>
  names: Names
  claims: readonly Claim[]
}): string {
  const { listed, refused, statements, missing, names, claims } = found
  const nameOf = (deviceId: string) => names.cameras[deviceId] ?? short(deviceId)
  const cameras = claims.map(({ deviceId, epoch }) => [nameOf(deviceId), deviceId, `epoch ${epoch}`])
  const clips = listed.map(({ clip, counter, startedAt, durationMs, faces, complete, opened }) => [
    clip.clipId,
    nameOf(clip.deviceId),
    String(counter),
    startedAt.replace('T', ' ').slice(0, 19),
    durationMs === null ? '-' : seconds(durationMs),
    faces > 0 ? 'face' : 'motion',
    size(clip.bytes),
    complete ? (opened ? 'opened' : 'new') : 'incomplete',
  ])
  const lines = [
    cameras.length === 0 ? 'No cameras yet.' : table(cameras),
    '',
    clips.length === 0
      ? 'No clips yet.'
      : table([['clip', 'camera', 'no.', 'began (UTC)', 'length', 'seen', 'sealed', ''], ...clips]),
    ...missing.map(
      ({ deviceId, from, to }) =>
        `${nameOf(deviceId)}: ${from === to ? `no. ${from} is` : `nos. ${from} to ${to} are`} missing (lost, or kept back).`,
    ),
    ...describeRefusals(refused, statements),
  ]
  return lines.join('\n')
}

/** What was refused, a line each, and their number. */
export function describeRefusals(
  { closed, bad }: SortedRefusals,
  statements: readonly RefusedStatement[],
): readonly string[] {
  const which = closed === 1 ? '1 clip is' : `${closed} clips are`
  const others = `${which} sealed to others: recorded before you were a member, or for another home.`
  const lines = [
    ...bad.map(({ clip, error }) => `${clip.clipId} refused: ${error.message} (${error.code})`),
    ...statements.map(({ kind, error }) => {
      const why = `${error.message} (${error.code})`
      if (kind === 'lost block')
        return `The hub has lost a block of this home and does not take it again: ${why}`
      if (kind === 'log') return `Whether camera and app are shown the same log is not proven: ${why}`
      return `A ${kind} of the hub refused: ${why}`
    }),
  ]
  return [
    ...(closed === 0 ? [] : [others]),
    ...(lines.length === 0 ? [] : [...lines, `${lines.length} refused.`]),
  ]
}

export interface SortedRefusals {
  /** How many are sealed to others. */
  readonly closed: number
  readonly bad: readonly Refused[]
}

export const NO_CLIPS: SortedRefusals = { closed: 0, bad: [] }

/** A clip that was sealed to members of before is no fault of anybody's: it is told apart from what is wrong. */
export function sortRefusals(clips: readonly Refused[]): SortedRefusals {
  const bad = clips.filter(({ error }) => error.code !== 'seal.closed')
  return { closed: clips.length - bad.length, bad }
}

/** The same for programs. */
export function plainRefusals(
  clips: readonly Refused[],
  statements: readonly RefusedStatement[],
): readonly object[] {
  return [
    ...clips.map(({ clip, error: { code, message } }) => ({
      kind: 'clip',
      clipId: clip.clipId,
      code,
      message,
    })),
    ...statements.map(({ kind, error: { code, message } }) => ({ kind, code, message })),
  ]
}

export function memberTable(members: readonly string[], names: Names, held: readonly string[]): string {
  const rows = members.map(id => [names.members[id] ?? '-', id, held.includes(id) ? 'X25519 only' : ''])
  const why =
    held.length === 0 ? '' : '\nClips are sealed with X25519 for all, because of the members marked so.'
  return table([['name', 'member', ''], ...rows]) + why
}

/** One line of news; as JSON without pictures. */
export function describeNews(news: News, names: Names, json: boolean): string {
  if (json) return JSON.stringify(plain(news))
  if (news.kind === 'listening') return 'listening'
  if (news.kind === 'gone') return `${news.error.message} (${news.error.code}) It is tried again.`
  if (news.kind === 'refused') return `refused: ${news.error.message} (${news.error.code})`
  if (news.kind === 'clip')
    return `${names.cameras[news.deviceId] ?? short(news.deviceId)}: clip ${news.clipId} is complete`
  const { message } = news
  const camera = names.cameras[message.deviceId] ?? short(message.deviceId)
  if (news.kind === 'alert') return `${camera}: ${news.message.faces} face(s) at ${news.message.at}`
  if (news.kind === 'gap')
    return `${camera}: clips ${news.message.from} to ${news.message.to} were lost (${news.message.cause})`
  const { outbox, fault, roster } = news.message
  return `${camera}: ${fault === null ? 'works' : `fault ${fault}`}, clips waiting: ${outbox.clips}, seals to roster ${roster}`
}

function plain(news: News): unknown {
  if (news.kind === 'refused' || news.kind === 'gone')
    return { kind: news.kind, code: news.error.code, message: news.error.message }
  if (news.kind !== 'alert') return news
  const { thumbnail, ...message } = news.message
  return {
    kind: news.kind,
    message: { ...message, thumbnail: thumbnail === null ? null : `${thumbnail.length} characters` },
  }
}

export function size(bytes: number): string {
  return bytes < 1024 * 1024 ? `${Math.ceil(bytes / 1024)} KiB` : `${(bytes / 1024 / 1024).toFixed(1)} MiB`
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

const short = (id: string): string => id.slice(0, 8)
