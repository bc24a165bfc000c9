import { modulesOf, QUIET } from '../../home/pairing-code.ts'
import type { RgbImage } from '../../protocol/image.ts'

/** The longer side of what a lens reads codes from. */
const WIDTH = 1280
const HEIGHT = 720

/** A code on paper before a lens: dark modules on light paper, grey around it. */
export function codePicture(text: string): RgbImage {
  const { size, isDark } = modulesOf(text)
  const side = size + 2 * QUIET
  const scale = Math.floor((HEIGHT * 0.8) / side)
  const [left, top] = [(WIDTH - side * scale) >> 1, (HEIGHT - side * scale) >> 1]
  const data = new Uint8Array(WIDTH * HEIGHT * 3).fill(0x70)
  for (let y = 0; y < side * scale; y++)
    for (let x = 0; x < side * scale; x++) {
      const [row, column] = [Math.floor(y / scale) - QUIET, Math.floor(x / scale) - QUIET]
      data.fill(
        isDark(row, column) ? 0x20 : 0xe0,
        ((top + y) * WIDTH + left + x) * 3,
        ((top + y) * WIDTH + left + x + 1) * 3,
      )
    }
  return { width: WIDTH, height: HEIGHT, data }
}
