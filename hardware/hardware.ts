import type { RgbImage } from '../protocol/image.ts'
import type { Signer } from '../protocol/keys.ts'

/**
 * Everything the agent asks of a board. `pi()` returns the real one, `emulated()` one with the same interface; nothing
 * outside `main.ts` knows which it holds.
 */
export interface Hardware {
  readonly camera: Camera
  readonly encoder: Encoder
  readonly clock: Clock
  readonly lamp: Lamp
  readonly keyStore: KeyStore
  /** Whether a claim may be taken up from `DATA/pair/` (emulated boards only; real ones pair through the lens). */
  readonly pairsByFile: boolean
}

export interface Camera {
  /** What a person would call it: `/dev/video0 (HD Webcam)`, `scene`, `rtsp://…` without its password. */
  readonly name: string
  /**
   * Starts the camera. Rejects with an `OwnlensError` `camera.*` when it cannot be used, and says what to do. One
   * session is one ffmpeg; a camera has at most one session at a time.
   */
  open(options: { signal: AbortSignal; frames: FrameOptions }): Promise<CameraSession>
}

export interface FrameOptions {
  /** Small frames a second. */
  readonly rate: number
  /** The longer side of a small frame in pixels; the picture's aspect ratio is kept (no bars). */
  readonly size: number
}

export interface CameraSession {
  readonly format: {
    /** The codec of the ring. `mjpeg` is encoded when a clip is cut, `h264` is passed through. */
    readonly video: 'mjpeg' | 'h264'
    readonly width: number
    readonly height: number
    readonly audio: boolean
  }
  /** ftyp + moov of the ring's fMP4. */
  readonly init: Uint8Array
  /** Queue of one: a reader that is slow misses frames, never stalls the camera. Ends when the session ends. */
  readonly frames: AsyncIterable<Frame>
  /** Queue bounded by bytes (the oldest give way, up to the next key picture). Ends when the session ends. */
  readonly fragments: AsyncIterable<Fragment>
  /**
   * Settles when the camera has stopped: resolves when the signal was aborted or a file that does not loop has ended,
   * rejects with `camera.lost`, `camera.silent` (no frame for some seconds) or `camera.keys` otherwise.
   */
  readonly ended: Promise<void>
  /** How many frames and fragments gave way to newer ones. */
  dropped(): { frames: number; fragments: number }
}

/** A small picture for motion and detection. */
export interface Frame extends RgbImage {
  /** Monotonic milliseconds (`performance.now()`) at which it was taken, as well as that is known. */
  readonly at: number
}

/** moof + mdat (several where sound came alone) of an fMP4 with about a quarter of a second of video and sound. */
export interface Fragment {
  readonly data: Uint8Array
  /** Monotonic milliseconds at which its first picture was taken, as well as that is known. */
  readonly at: number
  readonly durationMs: number
  /** Its first picture can be decoded without an earlier one. */
  readonly key: boolean
}

export interface Encoder {
  /**
   * Makes a clip of a ring's fragments: init first, then fragments as they come (pre-roll faster than real time, then
   * as the camera delivers). Yields whole fMP4 boxes groups: first ftyp + moov, then one moof + mdat at a time, H.264
   * video and AAC sound, starting at time 0. Ends when `fragments` ends and all was flushed. A slow reader of the output
   * must not make it lose anything. Throws `encoder.failed`.
   */
  clip(
    session: Pick<CameraSession, 'format' | 'init'>,
    fragments: AsyncIterable<Fragment>,
    options: { signal: AbortSignal },
  ): AsyncIterable<Uint8Array>
  /** The last picture of these fragments (the first must be a key) as JPEG, `longSide` pixels at most. */
  still(
    session: Pick<CameraSession, 'format' | 'init'>,
    fragments: readonly Fragment[],
    options: { signal: AbortSignal; longSide: number },
  ): Promise<Uint8Array>
}

export interface Clock {
  /** Wall clock in milliseconds since 1970; may be wrong. */
  now(): number
  /** Monotonic milliseconds. */
  monotonic(): number
  /** Whether the wall clock can be believed (set by network time, or by the hub's signed time). */
  sure(): boolean
}

/** What a person at the camera sees. */
export type LampState = 'off' | 'starting' | 'unpaired' | 'ready' | 'recording' | 'fault'

export interface Lamp {
  show(state: LampState): void
}

/** Holds the device's keys. `file` on disk today; a TPM later behind the same interface. */
export interface KeyStore {
  /** Signs with the device key, made at first use. Throws `keystore.locked` or `keystore.damaged`. */
  signer(): Promise<Signer>
  /** The age identities (secret) that homes seal to, made at first use. */
  ageIdentities(): Promise<{ readonly x25519: string; readonly hybrid: string }>
}
