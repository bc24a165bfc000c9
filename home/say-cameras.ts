import type { Notice } from '../protocol/registrar.ts'
import type { CameraReport } from './camera-reports.ts'
import type { Names } from './home-data.ts'

/** What `ownlens home cameras` prints: a paragraph a camera, what happened to it in plain words, and the next step. */
export function describeCameras(
  reports: readonly CameraReport[],
  names: Names,
  newestRoster: number,
): readonly string[] {
  if (reports.length === 0) return ['No cameras yet. Pair one with `ownlens home pair`.']
  return reports.flatMap((report, index) => [
    ...(index === 0 ? [] : ['']),
    ...describeCamera(report, names, newestRoster),
  ])
}

function describeCamera(report: CameraReport, names: Names, newestRoster: number): readonly string[] {
  const { camera, standing } = report
  const name = camera.name ?? camera.deviceId.slice(0, 8)
  return [
    `${name}  (${camera.deviceId}, epoch ${camera.epoch})`,
    `  ${stateOf(report)}`,
    ...standing.map(notice => `  ${describeNotice(notice, name)}`),
    ...describeStatus(report),
    ...describeSeals(report, names, newestRoster).map(line => `  ${line}`),
  ]
}

function describeStatus({ status, released }: CameraReport): readonly string[] {
  if (released) return []
  if (status === undefined) return ['  It has not been heard of yet.']
  const { at, clockSure, fault, outbox, version, microphone } = status
  const works = status.camera === 'private' ? 'is in privacy mode: it sees and hears nothing' : howItIs(fault)
  const waiting = outbox.clips === 0 ? 'nothing waits' : `${outbox.clips} clips wait to be sent`
  const clock = clockSure ? '' : ', its clock unsure'
  const sound = microphone ? 'microphone on' : 'microphone off'
  return [`  It ${works}, ${waiting}, ${sound}; version ${version}, said ${minutes(at)} UTC${clock}.`]
}

function howItIs(fault: string | null): string {
  if (fault === null) return 'works'
  if (fault.startsWith('log.')) return `works, and does not believe the hub’s log (${fault})`
  return `has a fault (${fault})`
}

function describeSeals(
  { status, stillOpen, released }: CameraReport,
  names: Names,
  newest: number,
): readonly string[] {
  if (released) return []
  const who = stillOpen.map(id => names.members[id] ?? id.slice(0, 8)).join(', ')
  const lines =
    status === undefined
      ? []
      : [`It seals to roster ${status.roster}${status.roster < newest ? `; the newest is ${newest}` : ''}.`]
  if (status !== undefined && status.roster > newest)
    lines.push('This app does not know that roster: the hub keeps it back, or an earlier root signed it.')
  if (who !== '')
    lines.push(`Until it confirms roster ${newest}, what it records can still be opened by ${who}.`)
  return lines
}

/** In one word for programs, in a sentence for people. */
export function stateIn({
  released,
  blocked,
  standing,
}: Pick<CameraReport, 'released' | 'blocked' | 'standing'>): string {
  if (released) return 'released'
  const stands = (kind: Notice['kind']) => standing.some(notice => notice.kind === kind)
  const byMaker = standing
    .filter(({ kind }) => kind === 'makerBlocked' || kind === 'makerUnblocked')
    .reduce<Notice | undefined>(
      (newest, notice) => (newest && newest.at > notice.at ? newest : notice),
      undefined,
    )
  if (blocked || byMaker?.kind === 'makerBlocked') return 'blocked'
  if (stands('cloned')) return 'cloned'
  if (stands('held')) return 'held'
  if (stands('reset')) return 'reset'
  return 'paired'
}

const STATES: Readonly<Record<string, string>> = {
  released: 'Released: whoever holds it may pair it. Its clips stay yours.',
  blocked: 'Blocked: it reaches nobody.',
  cloned: 'Held: two boards use its key.',
  held: 'Held: it gets no certificate until you confirm it.',
  reset: 'Reset: it has forgotten this home.',
  paired: 'Paired.',
}

const stateOf = (report: CameraReport): string => STATES[stateIn(report)] ?? ''

/** What happened, and what the person should do. */
export function describeNotice({ kind, at, freeAt, serial, reason }: Notice, name: string): string {
  const when = minutes(at)
  switch (kind) {
    case 'reset': {
      const free = freeAt === null ? '' : ` From ${minutes(freeAt)} UTC on another home may pair it.`
      return `${when} UTC: it was reset at its button.${free} If that was you, pair it again (\`ownlens home pair\`); if not, keep it yours with \`ownlens home object "${name}"\`.`
    }
    case 'held':
      return `${when} UTC: it came with a counter that was used before, as a card does that was restored from a backup. If you restored it, \`ownlens home confirm "${name}"\`; if not, reset it to a new key.`
    case 'cloned':
      return `${when} UTC: two boards use its key at once. Both go on recording, neither sends. Reset each to a new key: hold its button for twenty seconds.`
    case 'blocked':
      return `${when} UTC: it was blocked. Whoever ordered it can lift it; for an order of yours: \`ownlens home unblock "${name}"\`.`
    case 'unblocked':
      return `${when} UTC: its block was lifted. It sends again by itself, within two minutes.`
    case 'makerBlocked':
      return `${when} UTC: its maker blocked it${reasonOf(reason)}. It reaches nobody until the maker lifts that; ask the maker. What it has seen stays yours.`
    case 'makerUnblocked':
      return `${when} UTC: its maker lifted the block${reasonOf(reason)}. It sends again by itself.`
    case 'serial':
      return `${when} UTC: another camera bears the same serial${serial === null ? '' : ` (${serial})`}. Yours goes on working; ask the maker, who relabels one of them.`
    case 'incident':
      return `${when} UTC: whoever runs the hub has said something on an incident that concerns it. \`ownlens home report --list\` shows it.`
    case 'rival':
      return `${when} UTC: another camera tried to answer the code that this one was paired with. If nobody of yours did that, hold codes where nobody can photograph them.`
  }
}

const reasonOf = (reason: string | null): string => (reason ? `: “${reason}”` : '')

const minutes = (time: string): string => time.slice(0, 16).replace('T', ' ')
