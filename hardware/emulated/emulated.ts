import type { Disk } from '../../storage/disk.ts'
import { ffmpegCamera } from '../camera.ts'
import { prepareStream } from '../capture.ts'
import { systemClock } from '../clock.ts'
import { ffmpegEncoder } from '../encoder.ts'
import type { Hardware, LampState } from '../hardware.ts'
import { fileKeyStore } from '../key-store.ts'
import { nameOfSource, type Source } from '../source.ts'
import { cameraWithCodes, type Hold, heldCodeGraph } from './held-code.ts'
import { sceneGraph } from './scene.ts'

/** A board without hardware: the same pipeline, another ffmpeg input. It may be paired by file. */
export function emulated(options: {
  source: Extract<Source, { kind: 'scene' | 'file' | 'lavfi' }>
  /** `none` for no sound. */
  microphone: string
  disk: Disk
  data: string
  /** A file begins again at its end. Default true. */
  loop?: boolean
  /** The path of a pairing code's PNG that is held before the lens now; the source is seen when there is none. */
  code?: () => string | undefined
  hold?: Hold
  onLamp?: (state: LampState) => void
}): Hardware {
  const { source, microphone, disk, data, loop = true, code, hold, onLamp } = options
  const name = nameOfSource(source)
  const stream = source.kind === 'scene' ? ({ kind: 'lavfi', graph: sceneGraph() } as const) : source
  const endless = loop || source.kind !== 'file'
  const sound = microphone !== 'none'
  const camera = ffmpegCamera(name, () => prepareStream(stream, name, { loop, sound }), endless)
  const held = (png: string) => {
    const graph = { kind: 'lavfi', graph: heldCodeGraph(png, hold) } as const
    return ffmpegCamera(name, () => prepareStream(graph, name, { loop, sound }))
  }
  return {
    camera: code === undefined ? camera : cameraWithCodes(camera, code, held),
    encoder: ffmpegEncoder(),
    clock: systemClock(),
    lamp: { show: state => onLamp?.(state) },
    keyStore: fileKeyStore(disk, data),
    pairsByFile: true,
  }
}
