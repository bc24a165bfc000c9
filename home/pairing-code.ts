import { create, toBuffer } from 'qrcode'

/** Modules of quiet around a code: as the standard has it, and what readers still take where a terminal is small. */
export const QUIET = 4
const QUIET_SMALL = 2
/** The PNG is at least so wide: large enough for a phone's screen and a monitor. */
const PNG_MIN = 1000

/** Black on white whatever the terminal's own colours are: these two of its 256 are fixed, the first 16 are not. */
const BLACK_ON_WHITE = '\u001b[38;5;16m\u001b[48;5;231m'
const RESET = '\u001b[0m'

/**
 * A text as QR code for a terminal: two modules a character, upper and lower half, each line ended. Its text must be
 * printed as it is.
 *
 * @param size of the terminal; a smaller one gets less quiet around the code.
 * @returns undefined when the terminal is too small for it.
 */
export function codeForTerminal(
  text: string,
  { rows, columns }: { rows: number; columns: number },
): string | undefined {
  const { size, isDark: dark } = modulesOf(text)
  // The line after it holds the cursor.
  const fits = (quiet: number) => {
    const side = size + 2 * quiet
    return side <= columns && Math.ceil(side / 2) < rows
  }
  const quiet = [QUIET, QUIET_SMALL].find(fits)
  if (quiet === undefined) return undefined
  const lines: string[] = []
  for (let row = -quiet; row < size + quiet; row += 2) {
    let line = ''
    for (let column = -quiet; column < size + quiet; column++)
      line += HALVES[Number(dark(row, column)) + 2 * Number(dark(row + 1, column))]
    lines.push(`${BLACK_ON_WHITE}${line}${RESET}\n`)
  }
  return lines.join('')
}

/** By upper half dark (1) and lower half dark (2). */
const HALVES = [' ', '▀', '▄', '█']

/** A text as QR code: the bytes of a PNG, square, black on white, at least 1000 pixels wide. */
export async function codeAsPng(text: string): Promise<Buffer> {
  const scale = Math.ceil(PNG_MIN / (modulesOf(text).size + 2 * QUIET))
  return toBuffer(text, { errorCorrectionLevel: 'L', margin: QUIET, scale })
}

/** A text as QR code. Error correction L, since larger modules help a webcam more; upper-case text takes the alphanumeric mode by itself. */
export function modulesOf(text: string): {
  /** Modules along each side, without the quiet around them. */
  readonly size: number
  /** Outside, nothing is dark. */
  readonly isDark: (row: number, column: number) => boolean
} {
  const { modules } = create(text, { errorCorrectionLevel: 'L' })
  const { size } = modules
  const isDark = (row: number, column: number) =>
    row >= 0 && column >= 0 && row < size && column < size && modules.get(row, column) === 1
  return { size, isDark }
}
