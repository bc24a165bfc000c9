import { z } from 'zod'
import { nonce, time } from './fields.ts'
import { bootEnvelope } from './sealed.ts'
import { SMALL_STATEMENT, type StatementKind } from './statement.ts'

/** A command is good for so long at most, by its own words. */
export const COMMAND_LASTS_MS = 60_000

/** A live session is named by the member who asks for it; 128 random bits, used once. */
const liveCommand = z.strictObject({
  do: z.enum(['live.start', 'live.keep', 'live.stop']),
  session: nonce,
})

/**
 * PROTOCOL 7.4. What a member tells a camera, sealed to that camera alone. `boot` is the camera's own, as its status names it,
 * and `counter` the member's.
 */
export const commandKind = {
  typ: 'ownlens-command/1',
  maxBytes: SMALL_STATEMENT,
  schema: z
    .strictObject({
      ...bootEnvelope,
      audience: z.literal('device'),
      at: time,
      expires: time,
      command: z.discriminatedUnion('do', [liveCommand]),
    })
    .refine(({ at, expires }) => {
      const lasts = Date.parse(expires) - Date.parse(at)
      return lasts > 0 && lasts <= COMMAND_LASTS_MS
    }, 'must expire within a minute'),
} satisfies StatementKind<unknown>

export type CommandStatement = z.infer<typeof commandKind.schema>
export type CameraCommand = CommandStatement['command']
