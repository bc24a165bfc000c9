import { OwnlensError } from './errors.ts'

/** A piece of a fragmented MP4 (ISO/IEC 14496-12): the start (ftyp + moov), or one moof + mdat. */
export interface Fmp4Piece {
  readonly kind: 'init' | 'fragment'
  readonly data: Uint8Array
}

/** No box that we take is larger: half a second of video, and then some. */
const BOX_MAX = 64 * 1024 * 1024
const HEADER = 8

/**
 * Splits a stream of fMP4 bytes into its start and its fragments, however the bytes are chunked. Boxes between them (styp,
 * sidx, mfra, free) are left out.
 */
export class Fmp4Splitter {
  #chunks: Uint8Array[] = []
  #length = 0
  #piece: Uint8Array[] = []
  #sawMoov = false

  /** Takes bytes; returns the pieces that became whole. Throws `fmp4.malformed`. */
  push(bytes: Uint8Array): readonly Fmp4Piece[] {
    this.#chunks.push(bytes)
    this.#length += bytes.length
    const pieces: Fmp4Piece[] = []
    for (;;) {
      const size = this.#nextSize()
      if (size === undefined || this.#length < size) return pieces
      const box = this.#take(size)
      const piece = this.#add(typeOf(box, 4), box)
      if (piece !== undefined) pieces.push(piece)
    }
  }

  #add(type: string, box: Uint8Array): Fmp4Piece | undefined {
    if (type === 'ftyp' || type === 'moof') {
      this.#piece = [box]
      return undefined
    }
    if (type === 'moov') {
      if (this.#piece.some(box => typeOf(box, 4) !== 'ftyp'))
        throw new OwnlensError('fmp4.malformed', 'moov behind moof')
      this.#sawMoov = true
      return { kind: 'init', data: Buffer.concat([...this.#piece.splice(0), box]) }
    }
    if (type !== 'mdat') return undefined
    const moof = this.#piece.splice(0)[0]
    if (!this.#sawMoov || moof === undefined || typeOf(moof, 4) !== 'moof')
      throw new OwnlensError('fmp4.malformed', 'mdat without moof')
    return { kind: 'fragment', data: Buffer.concat([moof, box]) }
  }

  /** Size of the next box, when enough is known. */
  #nextSize(): number | undefined {
    if (this.#length < HEADER) return undefined
    const head = this.#peek(HEADER)
    const size = uint32(head, 0)
    if (size < HEADER || size > BOX_MAX || !/^[a-zA-Z0-9 ]{4}$/.test(typeOf(head, 4)))
      throw new OwnlensError('fmp4.malformed', 'a box’s size or type makes no sense')
    return size
  }

  #peek(length: number): Uint8Array {
    if ((this.#chunks[0]?.length ?? 0) < length) this.#chunks = [Buffer.concat(this.#chunks)]
    return this.#chunks[0] ?? new Uint8Array()
  }

  #take(length: number): Uint8Array {
    const all = this.#chunks.length === 1 ? this.#chunks[0] : Buffer.concat(this.#chunks)
    const bytes = all ?? new Uint8Array()
    this.#chunks = length < bytes.length ? [bytes.subarray(length)] : []
    this.#length = bytes.length - length
    return bytes.subarray(0, length)
  }
}

/** What a reader needs of the init: the video track and how its times count. */
export interface Fmp4Timing {
  readonly videoTrack: number
  readonly timescale: number
  readonly defaultDuration: number
  readonly defaultFlags: number
}

/** Reads the video track's timing out of ftyp + moov. Throws `fmp4.malformed` when there is no video track. */
export function readTiming(init: Uint8Array): Fmp4Timing {
  for (const moov of boxes(init, 'moov')) {
    for (const trak of boxes(moov, 'trak')) {
      const handler = first(first(trak, 'mdia'), 'hdlr')
      if (handler.length < 12 || typeOf(handler, 8) !== 'vide') continue
      const { id: videoTrack, timescale } = trackOf(trak)
      const trex = boxes(first(moov, 'mvex'), 'trex').find(box => uint32(box, 4) === videoTrack)
      if (timescale === 0 || trex === undefined) break
      return { videoTrack, timescale, defaultDuration: uint32(trex, 12), defaultFlags: uint32(trex, 20) }
    }
  }
  throw new OwnlensError('fmp4.malformed', 'no video track')
}

/** When a fragment's video starts, how long it is (seconds), and whether it starts with a key picture. */
export interface FragmentTimes {
  readonly start: number
  readonly duration: number
  readonly key: boolean
}

/** Not a sync sample (ISO/IEC 14496-12 §8.8.3.1). */
const NON_SYNC = 0x10000

/** Reads a moof's video times (tfdt, tfhd, trun); undefined when it carries no video. Throws `fmp4.malformed`. */
export function readFragmentTimes(fragment: Uint8Array, timing: Fmp4Timing): FragmentTimes | undefined {
  for (const moof of boxes(fragment, 'moof')) {
    for (const traf of boxes(moof, 'traf')) {
      const tfhd = first(traf, 'tfhd')
      if (uint32(tfhd, 4) !== timing.videoTrack) continue
      const defaults = trackDefaults(tfhd, timing)
      const start = baseTimeOf(first(traf, 'tfdt'))
      let duration = 0
      let key: boolean | undefined
      for (const trun of boxes(traf, 'trun')) {
        const run = readRun(trun, defaults)
        duration += run.duration
        key ??= run.key
      }
      if (key === undefined) continue
      return { start: start / timing.timescale, duration: duration / timing.timescale, key }
    }
  }
  return undefined
}

/** How the times of each track count: track id → units a second. Throws `fmp4.malformed`. */
export function readTimescales(init: Uint8Array): ReadonlyMap<number, number> {
  const scales = new Map<number, number>()
  for (const moov of boxes(init, 'moov'))
    for (const trak of boxes(moov, 'trak')) {
      const { id, timescale } = trackOf(trak)
      scales.set(id, timescale)
    }
  return scales
}

/** A track's id (tkhd), and how many units its times have in a second (mdhd). */
function trackOf(trak: Uint8Array): { readonly id: number; readonly timescale: number } {
  const [tkhd, mdhd] = [first(trak, 'tkhd'), first(first(trak, 'mdia'), 'mdhd')]
  return {
    id: uint32(tkhd, tkhd[0] === 1 ? 20 : 12),
    timescale: uint32(mdhd, mdhd[0] === 1 ? 20 : 12),
  }
}

/** When a track's fragment begins (tfdt), in its units. */
function baseTimeOf(tfdt: Uint8Array): number {
  return tfdt[0] === 1 ? uint32(tfdt, 4) * 2 ** 32 + uint32(tfdt, 8) : uint32(tfdt, 4)
}

/**
 * A copy of a fragment that begins `seconds` later (or earlier, when negative; never before 0) in every track: so that fragments
 * of one recording are put one after the other anew. Throws `fmp4.malformed`.
 */
export function shiftFragment(
  fragment: Uint8Array,
  scales: ReadonlyMap<number, number>,
  seconds: number,
): Uint8Array {
  const shifted = Uint8Array.from(fragment)
  for (const moof of boxes(shifted, 'moof'))
    for (const traf of boxes(moof, 'traf')) {
      const scale = scales.get(uint32(first(traf, 'tfhd'), 4))
      if (scale === undefined) throw new OwnlensError('fmp4.malformed', 'a track that was not announced')
      const tfdt = first(traf, 'tfdt')
      const view = new DataView(tfdt.buffer, tfdt.byteOffset, tfdt.length)
      const wide = tfdt[0] === 1
      const after = Math.max(0, baseTimeOf(tfdt) + Math.round(seconds * scale))
      if (!wide && after > 0xffffffff) throw new OwnlensError('fmp4.malformed', 'a time that is too late')
      if (wide) view.setUint32(4, Math.floor(after / 2 ** 32))
      view.setUint32(wide ? 8 : 4, after % 2 ** 32)
    }
  return shifted
}

function trackDefaults(tfhd: Uint8Array, timing: Fmp4Timing): { duration: number; flags: number } {
  const present = uint32(tfhd, 0) & 0xffffff
  let at = 8 + (present & 0x1 ? 8 : 0) + (present & 0x2 ? 4 : 0)
  let { defaultDuration: duration, defaultFlags: flags } = timing
  if (present & 0x8) {
    duration = uint32(tfhd, at)
    at += 4
  }
  if (present & 0x10) at += 4
  if (present & 0x20) flags = uint32(tfhd, at)
  return { duration, flags }
}

function readRun(
  trun: Uint8Array,
  defaults: { duration: number; flags: number },
): { duration: number; key: boolean } {
  const present = uint32(trun, 0) & 0xffffff
  const samples = uint32(trun, 4)
  const perSample = [0x100, 0x200, 0x400, 0x800].filter(flag => present & flag).length * 4
  let at = 8 + (present & 0x1 ? 4 : 0)
  let flags = defaults.flags
  if (present & 0x4) {
    flags = uint32(trun, at)
    at += 4
  } else if (present & 0x400 && samples > 0) {
    flags = uint32(trun, at + (present & 0x100 ? 4 : 0) + (present & 0x200 ? 4 : 0))
  }
  if (at + samples * perSample > trun.length) throw new OwnlensError('fmp4.malformed', 'trun is cut short')
  let duration = present & 0x100 ? 0 : samples * defaults.duration
  if (present & 0x100)
    for (let sample = 0; sample < samples; sample++) duration += uint32(trun, at + sample * perSample)
  return { duration, key: samples > 0 && (flags & NON_SYNC) === 0 }
}

/** The contents of all boxes of this type directly inside. */
function boxes(bytes: Uint8Array, type: string): readonly Uint8Array[] {
  const found: Uint8Array[] = []
  let at = 0
  while (at + HEADER <= bytes.length) {
    const size = uint32(bytes, at)
    if (size < HEADER || at + size > bytes.length) break
    if (typeOf(bytes, at + 4) === type) found.push(bytes.subarray(at + HEADER, at + size))
    at += size
  }
  return found
}

function first(bytes: Uint8Array, type: string): Uint8Array {
  const box = boxes(bytes, type)[0]
  if (box === undefined) throw new OwnlensError('fmp4.malformed', `no ${type}`)
  return box
}

function uint32(bytes: Uint8Array, at: number): number {
  if (at + 4 > bytes.length) throw new OwnlensError('fmp4.malformed', 'cut short')
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(at)
}

function typeOf(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4))
}
