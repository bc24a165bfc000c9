import { OwnlensError } from '../protocol/errors.ts'

/** What a person reads when a command failed: what happened, its code, what to do. */
export function describeFailure(error: unknown): string {
  if (error instanceof OwnlensError)
    return `${error.message}\n  Code: ${error.code}\n  What to do: ${error.todo}`
  const { message, stack } = error instanceof Error ? error : new Error(String(error))
  return process.env.OWNLENS_DEBUG ? (stack ?? message) : `Something unexpected: ${message}`
}
