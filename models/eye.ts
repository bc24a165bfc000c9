import type { RgbImage } from '../protocol/image.ts'
import { type Candidate, type Net, toPicture } from './candidate.ts'
import { mergeOverlapping } from './nms.ts'
import { Pyramid, render, type View } from './picture.ts'
import { isDim, liftedTone, lightOf, plainTone } from './tone.ts'

/** A network in front of one picture: shows it parts of the picture and counts how often. */
export class Eye {
  readonly picture: RgbImage
  readonly #net: Net
  readonly #input: Float32Array
  readonly #pyramid: Pyramid
  readonly #tone: Float32Array
  #left: number

  /** `input` is the network's buffer, filled anew at every look; `looks` bounds how often the network is asked. */
  constructor(picture: RgbImage, net: Net, input: Float32Array, looks: number) {
    this.picture = picture
    this.#net = net
    this.#input = input
    this.#left = looks
    this.#pyramid = new Pyramid(picture)
    const light = lightOf(picture)
    this.#tone = isDim(light) ? liftedTone(light) : plainTone
  }

  /** How many looks are left. */
  get left(): number {
    return this.#left
  }

  /**
   * One inference: what may be a face in this square, in pixels of the picture, merged, best first.
   *
   * @param thrifty leaves out rows in which there is nothing of the picture: a third cheaper, a little less sure.
   */
  async look(view: View, minScore: number, thrifty = false): Promise<Candidate[]> {
    if (this.#left <= 0) return []
    this.#left -= 1
    const { width, height } = this.picture
    const { rows: choice, size } = this.#net
    const needed = thrifty ? neededRows(view, height, size) : size
    const rows = choice.find(some => some >= needed) ?? size
    render(this.#pyramid, view, { size, rows }, this.#tone, this.#input)
    const seen = (await this.#net.run(this.#input.subarray(0, rows * size * 3), minScore, rows))
      .map(candidate => toPicture(candidate, view))
      .filter(({ x, y }) => x >= 0 && y >= 0 && x <= width && y <= height)
    return mergeOverlapping(seen)
  }
}

/** How many of the square's `size` rows, from its middle, hold all that there is of the picture. */
function neededRows({ angle, side, y }: View, height: number, size: number): number {
  if (angle !== 0) return size
  return (Math.max(y, height - y) * 2 * size) / side
}
