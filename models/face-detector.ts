import type { Face, RgbImage } from '../protocol/image.ts'

/**
 * Finds faces in pictures. One interface, several runtimes behind it.
 *
 * `detect` takes a picture of any size and returns boxes as fractions of *that* picture (letterboxing is undone), best
 * score first. Inference runs off the main thread; calls are answered in order. It throws `OwnlensError` `models.runtime`
 * when the runtime failed.
 */
export interface FaceDetector {
  readonly runtime: string
  detect(picture: RgbImage, options?: DetectOptions): Promise<readonly Face[]>
  close(): Promise<void>
}

export interface DetectOptions {
  /**
   * For single photographs: looks again, a bounded number of times, where faces may be small, turned or in bad light. A
   * camera's frames need it less: the next one comes in a tenth of a second. Default false.
   */
  readonly thorough?: boolean
}

/** `litert` is the default; `tfjs` runs on tfjs-node where that is installed, else on its WASM backend. */
export const RUNTIMES = ['litert', 'tfjs'] as const
export type Runtime = (typeof RUNTIMES)[number]
