import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Disk } from '../../storage/disk.ts'
import { ffmpegCamera } from '../camera.ts'
import { prepareStream } from '../capture.ts'
import { systemClock } from '../clock.ts'
import { ffmpegEncoder } from '../encoder.ts'
import type { Button, Hardware } from '../hardware.ts'
import { emulatedKeyStore, fileKeyStore } from '../key-store.ts'
import type { Shown } from '../light.ts'
import { type Polygon, withMask } from '../mask.ts'
import { nameOfSource, type Source } from '../source.ts'
import { cameraWithCodes, type Hold, heldCodeGraph } from './held-code.ts'
import { fileButton } from './press-file.ts'
import { sceneGraph } from './scene.ts'

/**
 * A board without hardware: the same pipeline, another ffmpeg input. What people do to it lies in `DATA/emulated/`: the code
 * that they hold before the lens (`code.png`) and how they press the button (`press`).
 */
export function emulated(options: {
  source: Extract<Source, { kind: 'scene' | 'file' | 'lavfi' }>
  /** `none` for no sound. */
  microphone: string
  disk: Disk
  data: string
  /** What nobody may see. Default: nothing. */
  mask?: readonly Polygon[]
  /** A file begins again at its end. Default true. */
  loop?: boolean
  /**
   * The path of a pairing code's PNG that is held before the lens now; the source is seen when there is none. Default:
   * `DATA/emulated/code.png` while it is there.
   */
  code?: () => string | undefined
  hold?: Hold
  /** Default: the file `DATA/emulated/press`. */
  button?: Button
  onLamp?: (shown: Shown) => void
  /** Which board this is, so that a data folder can be put into another one; the machine itself when it is left out. */
  board?: string
}): Hardware {
  const { source, microphone, mask = [], disk, data, loop = true, hold, onLamp, board } = options
  const people = join(data, 'emulated')
  const { code = codeIn(people), button = fileButton(disk, people) } = options
  const name = nameOfSource(source)
  const stream = source.kind === 'scene' ? ({ kind: 'lavfi', graph: sceneGraph() } as const) : source
  const endless = loop || source.kind !== 'file'
  const sound = microphone !== 'none'
  const prepare = async (from: typeof stream) =>
    withMask(await prepareStream(from, name, { loop, sound }), mask, { disk, folder: people })
  const camera = ffmpegCamera(name, () => prepare(stream), endless)
  const held = (png: string) => {
    const graph = { kind: 'lavfi', graph: heldCodeGraph(png, hold) } as const
    return ffmpegCamera(name, () => prepare(graph))
  }
  return {
    camera: cameraWithCodes(camera, code, held),
    encoder: ffmpegEncoder(),
    clock: systemClock(),
    lamp: { show: state => onLamp?.(state), blink: text => onLamp?.({ code: text }) },
    button,
    keyStore: board === undefined ? fileKeyStore(disk, data) : emulatedKeyStore(disk, data, board),
  }
}

function codeIn(folder: string): () => string | undefined {
  const png = join(folder, 'code.png')
  return () => (existsSync(png) ? png : undefined)
}
