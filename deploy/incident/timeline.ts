import type { Case } from './case.ts'
import type { Fact, Said } from './facts.ts'
import type { Names } from './names.ts'

/** One line of what happened. */
export interface Line {
  readonly at: string
  /** Its entry in the log; null for what the log does not hold. */
  readonly position: number | null
  readonly text: string
  /** What matters most for who reads quickly. */
  readonly weight: 'fault' | 'report' | 'answer' | 'plain'
}

const STATES: Readonly<Record<string, string>> = {
  open: 'is being looked into',
  fixing: 'is being fixed',
  fixed: 'is fixed',
  closed: 'is closed',
}

/** What happened, in the order of the log. What the hub told people stands between, by its time. */
export function timelineOf(found: Case, names: Names): readonly Line[] {
  const seen = new Map<string, string>()
  const lines: Line[] = found.facts.flatMap(fact => lineOf(fact, names, seen) ?? [])
  for (const { householdId, notices } of found.homes)
    for (const { at, kind, device_id, serial } of notices) {
      const text = noticeText(kind, names.camera(device_id), serial)
      if (text !== undefined)
        insert(lines, {
          at,
          position: null,
          text: `${names.home(householdId)} is told: ${text}`,
          weight: 'plain',
        })
    }
  return lines
}

/** Behind the last line that is not later. */
function insert(lines: Line[], line: Line): void {
  const index = lines.findLastIndex(({ at }) => at <= line.at)
  lines.splice(index + 1, 0, line)
}

/** @param seen serials and claims that came before: what a camera bears, whose it is. */
function lineOf({ at, position, said }: Fact, names: Names, seen: Map<string, string>): Line | undefined {
  const line = (text: string, weight: Line['weight'] = 'plain') => ({ at, position, text, weight })
  switch (said.kind) {
    case 'household': {
      const home = names.home(said.householdId)
      const people = `${said.members.length} ${said.members.length === 1 ? 'member' : 'members'}`
      if (said.number === 1) return line(`${home} is set up, with ${people}.`)
      return line(`${home} signs its list of members no. ${said.number}: ${people} now.`)
    }
    case 'registration': {
      const other = seen.get(`serial ${said.serial}`)
      seen.set(`serial ${said.serial}`, said.deviceId)
      const [camera, station] = [names.camera(said.deviceId), names.station(said.stationId)]
      const made = said.offline ? ` It was made on ${day(said.madeAt)}, while the station was offline.` : ''
      const text = `${station} registers ${camera} under the number ${said.serial}.${made}`
      if (other === undefined || other === said.deviceId) return line(text)
      return line(
        `${text} ${names.camera(other)} bears that number already: two cameras, one number.`,
        'fault',
      )
    }
    case 'claim': {
      const before = seen.get(`home ${said.deviceId}`)
      seen.set(`home ${said.deviceId}`, said.householdId)
      const again = before === said.householdId ? ' again' : ''
      return line(`${names.camera(said.deviceId)} is paired with ${names.home(said.householdId)}${again}.`)
    }
    case 'report':
      return line(`${names.home(said.householdId)} reports: ${quoted(said.says)}`, 'report')
    case 'incident': {
      const word = said.number === 1 ? 'opens an incident' : 'says more'
      return line(`The operator ${word}: “${said.title}” ${STATES[said.state] ?? said.state}.`, 'answer')
    }
    default: {
      const [text, weight] = other(said, names)
      return text === undefined ? undefined : line(text, weight)
    }
  }
}

function other(said: Said, names: Names): [string | undefined, Line['weight']?] {
  switch (said.kind) {
    case 'release':
      return [`${names.home(said.householdId)} lets ${names.camera(said.deviceId)} go.`]
    case 'reset': {
      const home = said.householdId === null ? 'everything' : names.home(said.householdId)
      return [`${names.camera(said.deviceId)} is reset at its button: it forgets ${home}.`]
    }
    case 'block': {
      const cameras = said.devices.map(names.camera).join(', ')
      return [`${names.home(said.householdId)} ${said.blocked ? 'blocks' : 'unblocks'} ${cameras}.`]
    }
    case 'makerBlock': {
      const cameras = said.devices.map(names.camera).join(', ')
      return [`The maker ${said.blocked ? 'blocks' : 'unblocks'} ${cameras}: “${said.reason}”`]
    }
    case 'enrolment':
      if (said.verdict === 'fresh') return [undefined]
      return said.verdict === 'cloned'
        ? [`${names.camera(said.id)}: two boards use its key at once; neither can send any more.`, 'fault']
        : [`${names.camera(said.id)} comes with a number that was used before; its owner is asked.`, 'fault']
    case 'serial':
      return [
        `The maker signs that ${names.camera(said.deviceId)} bears the number ${said.serial} from now on.`,
      ]
    case 'station':
      return [`The maker ${said.active ? 'announces' : 'revokes'} the station ${said.name}.`]
    case 'signer':
      return [`The maker ${said.active ? 'announces' : 'revokes'} the signer ${said.name}.`]
    case 'idevid':
      return ['A camera shows the certificate that its station gave it.']
    case 'move':
      return [`${names.home(said.householdId)} moves to another address of its hub.`]
    case 'erased':
      return ['An entry whose content was erased: what it was cannot be said any more.']
    case 'false':
      return [`An entry that does not hold (${said.code}); it is not believed.`, 'fault']
    default:
      return [undefined]
  }
}

function noticeText(kind: string, camera: string, serial: string | null): string | undefined {
  switch (kind) {
    case 'serial':
      return `another camera bears the same number as ${camera}${serial === null ? '' : ` (${serial})`}.`
    case 'reset':
      return `${camera} was reset at its button.`
    case 'cloned':
      return `two boards use the key of ${camera}.`
    case 'held':
      return `${camera} waits for its owner’s word.`
    case 'blocked':
    case 'makerBlocked':
      return `${camera} is blocked.`
    case 'rival':
      return `${camera} answered a code that another camera had answered.`
    default:
      return undefined
  }
}

/** In quotes, with a full stop unless it has an end of its own. */
export const quoted = (text: string): string => `“${text}”${/[.!?]$/.test(text) ? '' : '.'}`

/** 24 Nov 2026. */
export function day(time: string): string {
  const at = new Date(time)
  const month = at.toLocaleString('en-GB', { month: 'short', timeZone: 'UTC' })
  return `${at.getUTCDate()} ${month} ${at.getUTCFullYear()}`
}

/** 24 Nov 2026, 22:45 UTC. */
export const moment = (time: string): string => `${day(time)}, ${time.slice(11, 16)} UTC`
