/** Text that is too long to be stored: `text`, as often as it takes, behind what the vector holds. */
export interface Append {
  readonly text: string
  readonly times: number
}

/** A statement alone (PROTOCOL 2): who must have signed it, and what a reader says. */
export interface StatementVector {
  readonly name: string
  readonly typ: string
  /** A key's id, or `itself`. */
  readonly signedBy: string
  readonly jws: string
  readonly append?: Append
  readonly expect: string
  /** What a reader gets out of a good one, and its statement hash. */
  readonly payload?: unknown
  readonly hash?: string
}

/** A roster offered to who has pinned `pin` and holds `held` (PROTOCOL 3.4). */
export interface RosterVector {
  readonly name: string
  readonly pin: { readonly householdId: string; readonly rootId: string }
  /** Name of the vector whose roster is held; it was accepted, with its successions, by who held none. */
  readonly held: string | null
  readonly successions: readonly string[]
  readonly roster: string
  readonly expect: string
  /** Whom everything is sealed to after a good one, in this order. */
  readonly sealsTo?: readonly string[]
}

/** A half that answers an invitation (PROTOCOL 4.2). */
export interface HalfVector {
  readonly name: string
  /** Hexadecimal. */
  readonly secret: string
  readonly householdId: string
  readonly rootId: string
  readonly half: string
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

/** A text and what is read out of it; null or a code when it is nothing of ours. */
export interface TextVector {
  readonly name: string
  readonly text: string
  readonly expect: unknown
}

/** Whether somebody with this certificate may do this at the broker (PROTOCOL 6.1). */
export interface RightVector {
  readonly certificate: string
  readonly verb: 'publish' | 'subscribe'
  readonly topic: string
  readonly expect: boolean
}

/** How names are made (PROTOCOL 1, 3.3). */
export interface IdVectors {
  readonly keys: readonly { readonly spki: string; readonly id: string }[]
  readonly households: readonly {
    readonly firstRootId: string
    readonly firstSuccessorId: string
    readonly householdId: string
  }[]
  readonly recoveryWords: readonly { readonly words: string; readonly expect: string }[]
}

/** A part of a clip as it travels (PROTOCOL 6.2). */
export interface PartVector {
  readonly name: string
  /** Base64. */
  readonly message: string
  readonly append?: Append
  readonly expect: string | { readonly kind: string; readonly sha256: string; readonly parts?: unknown }
}

/** A sealed statement (PROTOCOL 6.9). */
export interface SealedVector {
  readonly name: string
  readonly typ: string
  /** Of the reader. */
  readonly identities: readonly string[]
  readonly signedBy: string
  /** Base64. */
  readonly sealed: string
  /** The payload, or an error code. */
  readonly expect: unknown
}

/** A camera, and commands to it (PROTOCOL 7.4). */
export interface CommandVectors {
  readonly camera: {
    readonly householdId: string
    readonly deviceId: string
    readonly epoch: number
    readonly boot: string
    readonly identities: readonly string[]
    readonly members: readonly string[]
  }
  readonly commands: readonly CommandVector[]
}

export interface CommandVector {
  readonly name: string
  /** Commands (by name) that the camera has been given before since its start, in this order. */
  readonly after: readonly string[]
  /** The camera's clock. */
  readonly now: string
  /** Base64. */
  readonly sealed: string
  /** Who gave it and what it is, or an error code. */
  readonly expect: { readonly memberId: string; readonly command: unknown } | string
}

/** Pieces of a live session (PROTOCOL 7.6), one after the other, and what a reader makes of each. */
export interface LiveVector {
  readonly name: string
  /** Base64. */
  readonly key: string
  readonly messages: readonly {
    readonly message: string
    /** What is complete now: its data's SHA-256 beside; null: nothing yet; or an error code. */
    readonly expect: { readonly type: string; readonly at: number; readonly sha256: string } | null | string
  }[]
  /** Pieces that never came. */
  readonly lost: number
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
  readonly roster: string
  /** Of one device, in several epochs. */
  readonly claims: readonly string[]
  readonly identities: readonly string[]
  /** SHA-256 → base64 of a part with its frame. */
  readonly blobs: Readonly<Record<string, string>>
  readonly clips: readonly ClipVector[]
}
