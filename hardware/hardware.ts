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
  readonly button: Button
  readonly keyStore: KeyStore
}

export interface Camera {
  /** What a person would call it: `/dev/video0 (HD Webcam)`, `scene`, `rtsp://…` without its password. */
  readonly name: string
  /**
   * Starts the camera. Rejects with an `OwnlensError` `camera.*` when it cannot be used, and says what to do. One
   * session is one ffmpeg; a camera has at most one session at a time.
   *
   * @param options.sound false: no microphone is opened, and no sound taken from a stream. Default true.
   */
  open(options: { signal: AbortSignal; frames: FrameOptions; sound?: boolean }): Promise<CameraSession>
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
  /**
   * As `clip`, for somebody who watches now: short fragments, a key picture every second, nothing is held back. Fragments that
   * came before the first one must not be needed: it is a key. H.264 is passed through as it is.
   */
  live(
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
  /** Whether `now` can be believed: only once a hub has signed what time it is. */
  sure(): boolean
}

/**
 * What a person at the camera sees. `unpaired`: it belongs to nobody and its window is closed; `reading`: hold a code before
 * the lens; `refused`: what was held there was not taken; `private`: it sees nothing and hears nothing.
 */
export type LampState =
  | 'off'
  | 'starting'
  | 'unpaired'
  | 'reading'
  | 'refused'
  | 'ready'
  | 'recording'
  | 'private'
  | 'fault'

export interface Lamp {
  show(state: LampState): void
  /** Blinks a short code (digits of 1 to 6), again and again until something else is shown. */
  blink(code: string): void
}

/**
 * What a finger did. `short`: under two seconds. `hold`: ten seconds or more. `long hold`: twenty or more. What lies between
 * two and ten seconds was given up, and is no press.
 */
export interface Press {
  readonly kind: 'short' | 'hold' | 'long hold'
}

export interface Button {
  /**
   * Presses as the button is let go; ends with the signal. A board without a button never yields. There is one reader at a
   * time.
   */
  presses(options: { signal: AbortSignal }): AsyncIterable<Press>
}

/** What a board finds in its data folder at a start. */
export type Settled =
  /** What belongs to this board, or nothing yet. */
  | { readonly board: 'same' }
  /** What another board had written: it was set aside whole into this folder of the data folder. This is a new device. */
  | { readonly board: 'new'; readonly setAside: string }

/** Age identities (secret) that homes seal to. */
export interface AgeIdentities {
  readonly x25519: string
  readonly hybrid: string
}

/**
 * Holds the device's keys and knows which board they belong to. `file` and `emulated` keep them on the disk; a TPM, which
 * never gives a key away, fits behind the same interface.
 */
export interface KeyStore {
  /**
   * Makes sure that the data folder is this board's own, before anything in it is read and anybody is asked for anything: a
   * card that was copied into another board starts as a new, unpaired device. Later calls give the first one's answer.
   *
   * @throws OwnlensError `keystore.board`: it cannot be told which board this is; `keystore.aside`, `keystore.damaged`,
   * `keystore.locked`.
   */
  settle(): Promise<Settled>
  /** Signs with the device key, made at first use. Settles first. Throws `keystore.locked` or `keystore.damaged`. */
  signer(): Promise<Signer>
  /** Made at first use. Settles first. */
  ageIdentities(): Promise<AgeIdentities>
  /**
   * Makes this board a new device: another device key and other age identities, both or neither, also after a power cut.
   * What was signed, sealed or claimed under the old ones is the caller's to remove before.
   */
  replaceKeys(): Promise<void>
}
