/** A roster that a root of its household's line has truly signed, whoever held that root. */
export interface TrueRoster {
  readonly householdId: string
  readonly number: number
  /** How many successions came before the root that signed. */
  readonly generation: number
  readonly memberIds: readonly string[]
  /** Where it says that one must seal to. */
  readonly recipients: readonly string[]
}

/** A clip as its camera made it. */
export interface TrueClip {
  readonly deviceId: string
  readonly householdId: string
  readonly epoch: number
  readonly counter: number
}

/**
 * What truly happened: written down by those who act at the moment when they act, read by the judges alone. Nothing of it is
 * asked of the code that is judged.
 */
export class Facts {
  /** By what is signed of it: anybody can rewrite an ECDSA signature. */
  readonly rosters = new Map<string, TrueRoster>()
  /** Ids of each household's roots, first to current. */
  readonly roots = new Map<string, string[]>()
  /** Whose each age recipient is. */
  readonly owners = new Map<string, string>()
  /** `<deviceId> <rootId>` and `<deviceId> <mailbox>`: codes that were held before a lens. */
  readonly seen = new Set<string>()
  /** `<householdId> <deviceId> <epoch>`: what a root of that household has claimed. */
  readonly claimed = new Set<string>()
  /** `<householdId> <deviceId> <epoch>`: what a root of that household has let go. */
  readonly released = new Set<string>()
  /** Orders about blocks by what is signed of them → who signed. */
  readonly orders = new Map<string, string>()
  /** Halves that know the secret of the code which they answer. */
  readonly knowing = new Set<string>()
  /** Keys that were ever on two boards. */
  readonly doubled = new Set<string>()
  readonly clips = new Map<string, TrueClip>()
}

/** All of a statement but its signature. */
export const signedPart = (jws: string): string => jws.slice(0, jws.lastIndexOf('.'))

/** What a statement says, believed by nobody. */
export function payloadOf<T>(jws: string): T {
  return JSON.parse(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString('utf8')) as T
}

/** A violation of an invariant of DESIGN §2, or of what follows from it. */
export class Violation extends Error {
  readonly invariant: string

  constructor(invariant: string, detail: string) {
    super(`${invariant}: ${detail}`)
    this.invariant = invariant
  }
}

/** Throws a violation unless it holds. */
export function must(holds: boolean, invariant: string, detail: string): asserts holds {
  if (!holds) throw new Violation(invariant, detail)
}
