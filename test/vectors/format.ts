/** A statement alone (PROTOCOL 2): who must have signed it, and what a reader says. */
export interface StatementVector {
  readonly name: string
  readonly typ: string
  readonly signedBy: string
  readonly jws: string
  readonly expect: string
}

/** A roster offered to who has pinned `pin` and holds `held` (PROTOCOL 3.4). */
export interface RosterVector {
  readonly name: string
  readonly pin: { readonly householdId: string; readonly rootId: string }
  readonly held: string | null
  readonly successions: readonly string[]
  readonly roster: string
  readonly expect: string
}

/** A claim offered to a member of this household (PROTOCOL 4.3). */
export interface ClaimVector {
  readonly name: string
  readonly householdId: string
  readonly rootId: string
  readonly claim: string
  readonly expect: string
}

/** A clip in a store, and what a member's app says of it (PROTOCOL 6.8). */
export interface ClipVector {
  readonly name: string
  readonly epoch: number
  readonly deviceId: string
  readonly clipId: string
  /** Part → SHA-256 of its message, which is in `blobs`. */
  readonly parts: Readonly<Record<string, string>>
  /** Clips (by name) that the app has opened before, in this order. */
  readonly after: readonly string[]
  /** SHA-256 of what is opened, or an error code. */
  readonly expect:
    | { readonly video: string; readonly thumbnail: string | null; readonly cutShort: boolean }
    | string
}

export interface ClipVectors {
  readonly householdId: string
  readonly rootId: string
  readonly claim: string
  readonly identities: readonly string[]
  /** SHA-256 → base64 of a part with its frame. */
  readonly blobs: Readonly<Record<string, string>>
  readonly clips: readonly ClipVector[]
}
