/** What one error code means. `retry`: the same thing may work later without anybody doing anything. */
interface ErrorMeaning {
  readonly says: string
  readonly todo: string
  readonly retry: boolean
}

/**
 * The one table of error codes. A code is `part.cause`. `says` is what happened, `todo` what the person should do.
 * PROTOCOL.md lists the codes that cross the wire.
 */
export const errorTable = {
  // --- camera and microphone -------------------------------------------------------------------------------------
  'camera.absent': {
    says: 'There is no such camera.',
    todo: 'Plug the camera in, then see what is there with `ownlens agent --list`.',
    retry: true,
  },
  // --- models ----------------------------------------------------------------------------------------------------
  'models.weights': {
    says: 'A model file is missing or is not the one that this version was built with.',
    todo: 'Install the packages again with `npm ci`.',
    retry: false,
  },
  'models.runtime': {
    says: 'The face detector failed.',
    todo: 'Restart the agent. If it happens again, choose the other runtime with `detector.runtime`.',
    retry: true,
  },
} as const satisfies Record<string, ErrorMeaning>

export type ErrorCode = keyof typeof errorTable

/** An expected failure with a code, what happened and what to do. `detail` names the thing, never a secret. */
export class OwnlensError extends Error {
  readonly code: ErrorCode
  readonly detail: string | undefined

  constructor(code: ErrorCode, detail?: string, options?: { cause?: unknown }) {
    const { says } = errorTable[code]
    super(detail === undefined ? says : `${says} (${detail})`, options)
    this.name = 'OwnlensError'
    this.code = code
    this.detail = detail
  }

  get todo(): string {
    return errorTable[this.code].todo
  }

  get retry(): boolean {
    return errorTable[this.code].retry
  }
}

/** The code of anything that was thrown; `undefined` for what nobody expected. */
export function codeOf(error: unknown): ErrorCode | undefined {
  return error instanceof OwnlensError ? error.code : undefined
}
