import type { Disk } from '../../storage/disk.ts'
import type { Capture } from '../arguments.ts'
import { ffmpegCamera } from '../camera.ts'
import { prepareStream } from '../capture.ts'
import { systemClock } from '../clock.ts'
import { ffmpegEncoder } from '../encoder.ts'
import type { Hardware } from '../hardware.ts'
import { fileKeyStore } from '../key-store.ts'
import { type Polygon, withMask } from '../mask.ts'
import { nameOfSource, type Source } from '../source.ts'
import { prepareMicrophone } from './alsa.ts'
import { inputButton } from './input-device.ts'
import { boardLamp } from './led.ts'
import { prepareV4l2 } from './v4l2.ts'
import type { WantedVideo } from './v4l2-formats.ts'

/** A real board: USB or network camera, ALSA microphone, lamp, button, keys on its own disk. It pairs through its lens only. */
export function pi(options: {
  source: Extract<Source, { kind: 'v4l2' | 'rtsp' }>
  microphone: string
  video: WantedVideo
  /** A Linux input device, `auto` or `none`. */
  button: string
  /** What nobody may see. */
  mask: readonly Polygon[]
  disk: Disk
  data: string
}): Hardware {
  const { source, microphone, video, button, mask, disk, data } = options
  const name = nameOfSource(source)
  const prepare = async (): Promise<Capture> => {
    if (source.kind === 'rtsp')
      return prepareStream(source, name, { loop: false, sound: microphone !== 'none' })
    return { ...(await prepareV4l2(source.device, video)), audio: await prepareMicrophone(microphone) }
  }
  return {
    camera: ffmpegCamera(name, async () => withMask(await prepare(), mask, { disk, folder: data })),
    encoder: ffmpegEncoder(),
    clock: systemClock(),
    lamp: boardLamp(),
    button: inputButton(button),
    keyStore: fileKeyStore(disk, data),
  }
}
