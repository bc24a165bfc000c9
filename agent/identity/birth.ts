import type { KeyStore } from '../../hardware/hardware.ts'
import { birthKind } from '../../protocol/maker.ts'
import { makeStatement } from '../../protocol/statement.ts'

/**
 * The board's side of its birth (PROTOCOL 9.1): its key, made here at first use, signs what will be printed on the box and what
 * the station has just made up. No key leaves the board.
 *
 * @param board the part of a `KeyStore` that signs.
 * @param nonce the station's.
 * @throws OwnlensError `statement.form` when serial or nonce is none; `keystore.*`.
 */
export async function makeBirth(
  board: Pick<KeyStore, 'signer'>,
  serial: string,
  nonce: string,
): Promise<string> {
  const signer = await board.signer()
  return makeStatement(birthKind, { deviceId: signer.id, serial, nonce }, signer)
}
