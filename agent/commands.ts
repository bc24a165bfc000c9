import type { Clock } from '../hardware/hardware.ts'
import { type CameraCommand, COMMAND_LASTS_MS, commandKind } from '../protocol/command.ts'
import { OwnlensError } from '../protocol/errors.ts'
import { openStatement } from '../protocol/sealed.ts'
import { Turn } from './turn.ts'

/** Commands that wait to be opened. Opening costs more than sending: beyond it the newest are refused. */
const WAITING_MAX = 32

interface CommandParts {
  readonly household: {
    readonly claim: { readonly householdId: string; readonly deviceId: string; readonly epoch: number }
    readonly roster: { readonly members: readonly { readonly memberId: string }[] }
  }
  /** The camera's own age identities. */
  readonly identities: readonly string[]
  /** Made anew at every start: what was sent to an earlier start counts no more. */
  readonly boot: string
  readonly clock: Pick<Clock, 'now'>
}

/** A command that counts, and the member who gave it. */
export interface Taken {
  readonly memberId: string
  readonly command: CameraCommand
}

/** Decides which commands count (PROTOCOL 7.4). Each counts once; the hub that carries them decides nothing. */
export class Commands {
  readonly #parts: CommandParts
  readonly #turn = new Turn()
  #waiting = 0
  /** Member → the highest counter so far. Members of the roster only, so that it stays small. */
  readonly #counters = new Map<string, number>()

  constructor(parts: CommandParts) {
    this.#parts = parts
  }

  /**
   * Opens and checks a command, each in its turn.
   *
   * @throws OwnlensError `command.many`, what `openStatement` throws, `command.member`, `command.camera`, `command.boot`,
   *   `command.time`, `message.replayed`.
   */
  async take(sealed: Uint8Array): Promise<Taken> {
    if (this.#waiting >= WAITING_MAX) throw new OwnlensError('command.many')
    this.#waiting++
    try {
      return await this.#turn.take(() => this.#check(sealed))
    } finally {
      this.#waiting--
    }
  }

  async #check(sealed: Uint8Array): Promise<Taken> {
    const { household, identities, boot, clock } = this.#parts
    const { payload, signer } = await openStatement(commandKind, sealed, identities, 'itself')
    if (!household.roster.members.some(({ memberId }) => memberId === signer.id))
      throw new OwnlensError('command.member', signer.id)
    const { householdId, deviceId, epoch } = household.claim
    const isOurs =
      payload.householdId === householdId && payload.deviceId === deviceId && payload.epoch === epoch
    if (!isOurs) throw new OwnlensError('command.camera')
    if (payload.boot !== boot) throw new OwnlensError('command.boot')
    const now = clock.now()
    // A member's clock may be ahead by as much as a command lasts.
    if (now > Date.parse(payload.expires) || now < Date.parse(payload.at) - COMMAND_LASTS_MS)
      throw new OwnlensError('command.time', payload.at)
    if (payload.counter <= (this.#counters.get(signer.id) ?? 0)) throw new OwnlensError('message.replayed')
    this.#counters.set(signer.id, payload.counter)
    return { memberId: signer.id, command: payload.command }
  }
}
