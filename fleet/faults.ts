/** What a scenario can do to a device, a home's network or the hub, by name: `NAME@START+DURATION`. */
export interface FaultKind {
  readonly name: string
  /** Whom it happens to. */
  readonly on: 'device' | 'hub'
  /** Whether it lasts: a reboot happens once. */
  readonly lasts: boolean
  /** What the agent must do. */
  readonly says: string
}

export const FAULTS = [
  {
    name: 'camera.unplug',
    on: 'device',
    lasts: true,
    says: 'The camera is pulled out, and put back. The running clip ends, the camera is opened again by itself.',
  },
  {
    name: 'camera.busy',
    on: 'device',
    lasts: true,
    says: 'Another program holds the camera. It is tried again until it is free.',
  },
  {
    name: 'camera.silent',
    on: 'device',
    lasts: true,
    says: 'The camera is there and delivers nothing. It is given up after five seconds, and opened again.',
  },
  {
    name: 'camera.black',
    on: 'device',
    lasts: true,
    says: 'The lens is covered. Nothing is found, nothing fails.',
  },
  {
    name: 'clock.jump',
    on: 'device',
    lasts: true,
    says: 'The board’s clock is in 1970. Recording goes on by the hub’s signed time.',
  },
  {
    name: 'disk.full',
    on: 'device',
    lasts: true,
    says: 'Nothing more can be written. Clips that find no room are lost, and that is told to the home as a gap.',
  },
  {
    name: 'disk.readonly',
    on: 'device',
    lasts: true,
    says: 'The card refuses every write, as a worn one does. As with a full one.',
  },
  {
    name: 'disk.slow',
    on: 'device',
    lasts: true,
    says: 'Every write takes a fifth of a second. Recording does not wait for it.',
  },
  {
    name: 'network.gone',
    on: 'device',
    lasts: true,
    says: 'The device reaches nobody. Clips wait sealed in its outbox, oldest first out when it is full.',
  },
  {
    name: 'network.slow',
    on: 'device',
    lasts: true,
    says: 'A fifth of a second each way and 64 kbit/s. Alerts go before clips.',
  },
  { name: 'reboot', on: 'device', lasts: false, says: 'The agent is stopped politely and started again.' },
  {
    name: 'power.cut',
    on: 'device',
    lasts: false,
    says: 'The agent stops where it is, in mid-write too, and is started again from what its disk holds.',
  },
  {
    name: 'hub.gone',
    on: 'hub',
    lasts: true,
    says: 'The hub is killed, and started again. Of a hub that the fleet did not start all ways are cut instead.',
  },
] as const satisfies readonly FaultKind[]

export type FaultName = (typeof FAULTS)[number]['name']

/** A fault with its times, in milliseconds since all cameras were paired. */
export interface Fault {
  readonly name: FaultName
  readonly at: number
  /** Null for one that does not last. */
  readonly lastsMs: number | null
}

const FORM = /^([a-z]+(?:\.[a-z]+)?)@([0-9.]+(?:ms|s|m|h))(?:\+([0-9.]+(?:ms|s|m|h)))?$/
const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const

/** `250ms`, `5s`, `1.5m`, `2h` in milliseconds; undefined for anything else. */
export function readSpan(text: string): number | undefined {
  const [, digits, unit] = /^([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)$/.exec(text) ?? []
  if (digits === undefined || unit === undefined) return undefined
  return Math.round(Number(digits) * UNITS[unit as keyof typeof UNITS])
}

/** Reads `camera.unplug@5s+10s`. Returns what is wrong with it, in words, where it is none. */
export function readFault(text: string): Fault | string {
  const [, name, start = '', span] = FORM.exec(text) ?? []
  if (name === undefined) return 'must be NAME@START or NAME@START+DURATION, e.g. camera.unplug@5s+10s'
  const kind: FaultKind | undefined = FAULTS.find(fault => fault.name === name)
  if (kind === undefined)
    return `“${name}” is no fault; allowed are ${FAULTS.map(fault => fault.name).join(', ')}`
  const [at, lastsMs] = [readSpan(start), span === undefined ? null : readSpan(span)]
  if (at === undefined || lastsMs === undefined) return 'times are a number and ms, s, m or h, e.g. 10s'
  if (kind.lasts && lastsMs === null) return `needs a duration: ${name}@${start}+10s`
  if (!kind.lasts && lastsMs !== null) return `does not last: ${name}@${start}`
  return { name: name as FaultName, at, lastsMs }
}
