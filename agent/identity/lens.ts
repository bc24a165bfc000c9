import { Worker } from 'node:worker_threads'
import type { Frame } from '../../hardware/hardware.ts'
import { OwnlensError } from '../../protocol/errors.ts'
import type { LookAnswer, LookRequest } from './lens-worker.ts'
import { toNetpbm } from './netpbm.ts'

/**
 * What one look at one picture found.
 *
 * - `text`: one code; whose it is, and whether it is an invitation at all, is for the reader to say.
 * - `several`: codes with different texts. Which one is meant, nobody can know.
 * - `unreadable`: a code is there, its content is not to be had: `small` (fewer than four pixels a module), `blurred`
 *   (its edges are soft), `torn` (large and sharp enough: part of it is covered, dazzled or missing, or it is held at a
 *   sharp angle).
 * - `nothing`: no code was found. A code that is very far, very soft or without one of its corners looks like this too.
 */
export type Sight =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'several'; readonly texts: readonly string[] }
  | { readonly kind: 'unreadable'; readonly why: 'small' | 'blurred' | 'torn' }
  | { readonly kind: 'nothing' }

/**
 * Looks for QR codes in a camera's frames, in a worker thread, one frame at a time: while it looks, `frames` (a queue of
 * one) lets older frames give way. Yields what each look found. Ends when the frames do, and
 * with the signal at the next look; the worker ends with it.
 *
 * @param frames `camera.open({ frames: { rate: 5, size: 1280 } })`: smaller frames need larger codes.
 * @throws OwnlensError `lens.failed`.
 */
export async function* readCodes(
  frames: AsyncIterable<Frame>,
  { signal }: { signal: AbortSignal },
): AsyncGenerator<Sight> {
  if (signal.aborted) return
  const worker = new LensWorker(signal)
  try {
    for await (const frame of frames) {
      const sight = await worker.look(frame)
      if (signal.aborted || sight === undefined) return
      yield sight
    }
  } finally {
    await worker.end()
  }
}

/** A worker that answers one look at a time. */
class LensWorker {
  readonly #worker = new Worker(new URL('./lens-worker.js', import.meta.url))
  readonly #signal: AbortSignal
  #failure: OwnlensError | undefined
  #settle: (sight: Sight | undefined) => void = () => undefined
  readonly #stop = () => this.#settle(undefined)

  constructor(signal: AbortSignal) {
    this.#signal = signal
    signal.addEventListener('abort', this.#stop, { once: true })
    this.#worker.on('message', (sight: LookAnswer) => this.#settle(sight))
    this.#worker.on('error', (cause: Error) => this.#fail(cause))
    this.#worker.on('exit', () => this.#fail())
  }

  /** What is to be seen; `undefined` when the signal came first. The pixels are copied: others may hold the frame. */
  async look({ width, height, data }: Frame): Promise<Sight | undefined> {
    const file = toNetpbm({ width, height, data })
    const request: LookRequest = { width, height, file }
    const answer = new Promise<Sight | undefined>(resolve => {
      this.#settle = resolve
    })
    if (this.#failure === undefined) this.#worker.postMessage(request, [file.buffer])
    else this.#settle(undefined)
    const sight = await answer
    if (this.#failure !== undefined && !this.#signal.aborted) throw this.#failure
    return sight
  }

  async end(): Promise<void> {
    this.#signal.removeEventListener('abort', this.#stop)
    await this.#worker.terminate()
  }

  #fail(cause?: Error): void {
    this.#failure ??= new OwnlensError('lens.failed', cause?.message, { cause })
    this.#settle(undefined)
  }
}
