import type { Disk } from '../../storage/disk.ts'
import { ffmpegCamera } from '../camera.ts'
import { prepareStream } from '../capture.ts'
import { systemClock } from '../clock.ts'
import { ffmpegEncoder } from '../encoder.ts'
import type { Hardware, LampState } from '../hardware.ts'
import { fileKeyStore } from '../key-store.ts'
import { nameOfSource, type Source } from '../source.ts'
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
  onLamp?: (state: LampState) => void
}): Hardware {
  const { source, microphone, disk, data, loop = true, onLamp } = options
  const name = nameOfSource(source)
  const stream = source.kind === 'scene' ? ({ kind: 'lavfi', graph: sceneGraph() } as const) : source
  const endless = loop || source.kind !== 'file'
  return {
    camera: ffmpegCamera(
      name,
      () => prepareStream(stream, name, { loop, sound: microphone !== 'none' }),
      endless,
    ),
    encoder: ffmpegEncoder(),
    clock: systemClock(),
    lamp: { show: state => onLamp?.(state) },
    keyStore: fileKeyStore(disk, data),
    pairsByFile: true,
  }
}
