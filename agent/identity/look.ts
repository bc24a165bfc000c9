import { doubtAbout, type Outline } from './doubt.ts'
import type { Sight } from './lens.ts'
import { type GreyImage, greyOf, sharpened, toNetpbm } from './netpbm.ts'

/** A code that was found in a picture. `symbol` is as wide as the code has modules; 0 when that is not known. */
export interface Found {
  readonly isValid: boolean
  readonly text: string
  readonly position: Outline
  readonly symbol: { readonly width: number }
}

/** Finds the codes in a picture that is a Netpbm file. */
export type Look = (file: Uint8Array<ArrayBuffer>) => Promise<readonly Found[]>

/** Looks at a picture as it is, and at a sharpened one when that showed no text. */
export async function lookAt(
  picture: { readonly width: number; readonly height: number; readonly file: Uint8Array<ArrayBuffer> },
  look: Look,
): Promise<Sight> {
  const found = await look(picture.file)
  const plain = readable(found)
  if (plain !== undefined) return plain
  const grey = greyOf(picture)
  const foundAgain = await look(toNetpbm(sharpened(grey)))
  return readable(foundAgain) ?? unreadable([...found, ...foundAgain], grey)
}

function readable(found: readonly Found[]): Sight | undefined {
  // The same code twice, as in a mirror, is one.
  const texts = [...new Set(found.flatMap(({ isValid, text }) => (isValid ? [text] : [])))]
  const [text, ...others] = texts
  if (text === undefined) return undefined
  return others.length === 0 ? { kind: 'text', text } : { kind: 'several', texts }
}

function unreadable(found: readonly Found[], grey: GreyImage): Sight {
  for (const { position, symbol } of found) {
    const why = doubtAbout(position, symbol.width, grey)
    if (why !== undefined) return { kind: 'unreadable', why }
  }
  return { kind: 'nothing' }
}
