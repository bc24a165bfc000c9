import { randomBytes } from 'node:crypto'
import { boxCodeOf, hashOfBoxCode } from '../../protocol/box-code.ts'
import { OwnlensError } from '../../protocol/errors.ts'
import { birthKind, registrationKind } from '../../protocol/maker.ts'
import { makeStatement, readStatement } from '../../protocol/statement.ts'
import { certifyBoard } from './certificates.ts'
import type { Station } from './station.ts'

/** What a station does with a board around its own signatures. */
export interface Making {
  /** Whether this station asked for the board's word with that nonce. */
  asked(nonce: string): Promise<boolean>
  /** Tells the hub, or writes it down for later. */
  register(registration: string): Promise<void>
  /** Puts the board's certificate and its station's, PEM, where the board shows them. */
  keep(idevid: string): Promise<void>
}

/**
 * Makes a board: checks that it holds its key, binds key and serial, and certifies both. Registered first: a board that has a
 * certificate is known, or written down. Interrupted, it may be done again with the same board and serial.
 *
 * @param birth what the board said (PROTOCOL 9.1).
 * @returns the board's id, and the code for its box: of the registration that was made now, the one before counts no more.
 * @throws OwnlensError `serial.birth`, `factory.nonce`, `statement.*`, and what `register` throws.
 */
export async function makeBoard(
  station: Station,
  { serial, birth, now }: { serial: string; birth: string; now: Date },
  { asked, register, keep }: Making,
): Promise<{ readonly deviceId: string; readonly boxCode: string }> {
  const { signer, payload } = await readStatement(birthKind, birth, 'itself')
  const { deviceId, nonce } = payload
  if (signer.id !== deviceId) throw new OwnlensError('statement.signer', birthKind.typ)
  if (payload.serial !== serial) throw new OwnlensError('serial.birth', `the board says ${payload.serial}`)
  if (!(await asked(nonce))) throw new OwnlensError('factory.nonce')
  const boxCode = boxCodeOf(randomBytes(16))
  const registration = {
    ...{ serial, deviceId, birth },
    ...{ boxCode: hashOfBoxCode(boxCode), madeAt: now.toISOString() },
  }
  await register(await makeStatement(registrationKind, registration, station.signer))
  const leaf = await certifyBoard(station.authority, { deviceId, spki: signer.spki, serial }, now)
  const chain = [leaf, station.authority.certificate]
  await keep(chain.map(each => `${each.toString('pem')}\n`).join(''))
  // It made what it was for; the same word makes nothing a second time.
  await station.spend(nonce)
  return { deviceId, boxCode }
}
