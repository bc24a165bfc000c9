import { randomBytes } from 'node:crypto'
import type { PairingOptions } from '../../home/pair.ts'
import { type Claim, halfHmac, halfKind, nextEpoch, readClaim } from '../../protocol/claim.ts'
import { base32 } from '../../protocol/ids.ts'
import { readInvitation } from '../../protocol/invitation.ts'
import type { Signer } from '../../protocol/keys.ts'
import { mailboxOf, readReveal } from '../../protocol/pairing.ts'
import type { RequestAnswer } from '../../protocol/registrar.ts'
import { makeStatement } from '../../protocol/statement.ts'
import { HubClient } from '../../wire/hub-client.ts'
import { newPerson, type Person } from './people.ts'
import { eventually } from './world.ts'

/** What a camera did with a code, and how it hears more. */
export interface Answered {
  readonly half: string
  knock(): Promise<RequestAnswer<'knock'>>
  /** The short code that its lamp blinks, once the app has revealed its nonce. */
  blinks(): Promise<string>
  claimed(): Promise<Claim>
}

/** A camera that is a key alone: it reads a code's text and does what PROTOCOL 4.4 says, or not quite that. */
export class CodeCamera {
  readonly signer: Signer
  readonly #person: Person
  #epoch = 0

  private constructor(person: Person) {
    this.#person = person
    this.signer = person.signer
  }

  static async make(): Promise<CodeCamera> {
    return new CodeCamera(await newPerson('hybrid'))
  }

  get id(): string {
    return this.signer.id
  }

  /**
   * Answers a code.
   *
   * @param wrong `secret`: it does not know the code, only the mailbox. `half`: one that it gave before.
   */
  async answer(code: string, wrong: { secret?: Uint8Array; half?: string } = {}): Promise<Answered> {
    const { rootId, secret, hubUrl, caId } = readInvitation(code)
    const client = new HubClient({ url: hubUrl, caId })
    const mailbox = mailboxOf(secret)
    const { epoch: registrarEpoch } = await client.nonce(this.id)
    const knock = () => client.request(null, { action: 'knock', mailbox }, this.signer)
    const { householdId } = await knock()
    const half =
      wrong.half ?? (await this.#half(wrong.secret ?? secret, { householdId, rootId, registrarEpoch }))
    await client.request(null, { action: 'half', mailbox, half, idevid: [] }, this.signer)
    const expected = { householdId, rootId, half }
    return {
      ...{ half, knock },
      blinks: async () =>
        readReveal(await eventually(async () => (await knock()).reveal ?? undefined, 'a reveal'), expected),
      claimed: async () => {
        const claim = await eventually(async () => (await knock()).claim ?? undefined, 'a claim')
        const read = await readClaim(claim, expected)
        this.#epoch = read.epoch
        return read
      },
    }
  }

  /** What an honest person does with it: holds the code before it, and compares its lamp with the app. */
  inHands(): Pick<PairingOptions, 'show' | 'confirm'> {
    let lamp: Promise<string> | undefined
    return {
      show: async code => {
        lamp = (await this.answer(code)).blinks()
        lamp.catch(() => undefined)
        return async () => undefined
      },
      confirm: async code => (await lamp) === code,
    }
  }

  async #half(
    secret: Uint8Array,
    invitedBy: { householdId: string; rootId: string; registrarEpoch: number },
  ): Promise<string> {
    const half = { deviceId: this.id, recipients: this.#person.recipients, nonce: base32(randomBytes(16)) }
    const invited = { ...invitedBy, epoch: nextEpoch(this.#epoch, invitedBy.registrarEpoch) }
    const hmac = halfHmac(secret, half, invited)
    return makeStatement(halfKind, { ...half, invited: { ...invited, hmac } }, this.signer)
  }
}
