import type { Face, RgbImage } from '../protocol/image.ts'

/**
 * Finds faces in pictures. One interface, several runtimes behind it.
 *
 * `detect` takes a picture of any size and returns boxes as fractions of *that* picture (letterboxing is undone), best
 * score first. Inference runs off the main thread; calls are answered in order. It throws `OwnlensError`
 * `models.weights` (a weight file is missing or is not the pinned one) at creation and `models.runtime` when the
 * runtime failed.
 */
export interface FaceDetector {
  readonly runtime: string
  detect(picture: RgbImage): Promise<readonly Face[]>
  close(): Promise<void>
}
