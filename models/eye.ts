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

  /** One inference: what may be a face in this square, in pixels of the picture, merged, best first. */
  async look(view: View, minScore: number): Promise<Candidate[]> {
    if (this.#left <= 0) return []
    this.#left -= 1
    render(this.#pyramid, view, this.#net.size, this.#tone, this.#input)
    const { width, height } = this.picture
    const seen = (await this.#net.run(this.#input, minScore))
      .map(candidate => toPicture(candidate, view))
      .filter(({ x, y }) => x >= 0 && y >= 0 && x <= width && y <= height)
    return mergeOverlapping(seen)
  }
}
