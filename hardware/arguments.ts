/** An ffmpeg command line, apart from the program's name. */
export interface CommandLine {
  readonly inputs: readonly { readonly options: readonly string[]; readonly source: string }[]
  readonly filter?: string
  readonly outputs: readonly { readonly options: readonly string[]; readonly target: string }[]
}

/** What was found out about a source before it is opened. */
export interface Capture {
  readonly video: { readonly options: readonly string[]; readonly source: string }
  /** `same`: in the video's own input. */
  readonly audio: 'none' | 'same' | { readonly options: readonly string[]; readonly source: string }
  /** What the source delivers; anything else than a copy becomes MJPEG. */
  readonly ring: 'copy-mjpeg' | 'copy-h264' | 'encode-mjpeg'
  /** Its key pictures were counted before it was opened; those of a live stream are watched. */
  readonly keysKnown?: true
  /** A picture of the same size that is laid over every other one (`mask.ts`); the ring is encoded then. */
  readonly mask?: string
  readonly width: number
  readonly height: number
}

/** One fragment of the ring lasts about this long. */
export const FRAGMENT_MS = 250
const QUIET = ['-hide_banner', '-nostats', '-loglevel', 'error']

/** Width and height of the small frames: the longer side is `size`, both even, the aspect ratio kept. */
export function smallFrame(
  { width, height }: { width: number; height: number },
  size: number,
): { width: number; height: number } {
  const scale = Math.min(1, size / Math.max(width, height))
  const even = (side: number) => Math.max(2, Math.round((side * scale) / 2) * 2)
  return { width: even(width), height: even(height) }
}

/**
 * One ffmpeg with two live outputs: the ring's fMP4 on pipe:1, small RGB frames on pipe:3. Pure. These lines and those
 * below were run on ffmpeg 5.1.9 and 7.0.2 at `-loglevel warning`: neither calls an option deprecated, only the pixel
 * format of JPEGs (yuvj420p). `-timeout` (RTSP) is there since 5.0, `-fps_mode` since 5.1; `-vsync`, `-stimeout` and
 * `-enc_time_base -1`, which later versions drop, are not used.
 */
export function captureCommand(capture: Capture, frames: { rate: number; size: number }): CommandLine {
  const { audio, mask, ring, video } = capture
  const small = smallFrame(capture, frames.size)
  const lowres = ring === 'copy-mjpeg' ? lowresFor(capture, frames.size) : 0
  const decode =
    ring === 'encode-mjpeg' ? [] : ['-threads', '1', ...(lowres > 0 ? ['-lowres:v', String(lowres)] : [])]
  const sound = audio === 'none' ? [] : [audio === 'same' ? '0:a:0' : '1:a:0']
  const shrink = `fps=${frames.rate},scale=${small.width}:${small.height}:flags=area,format=rgb24`
  // Encoded here, the picture is made once and split; copied, only the small frames are decoded.
  const encode = ring === 'encode-mjpeg'
  const ringVideo = encode
    ? ['-map', '[ring]', '-c:v', 'mjpeg', '-q:v', '4', '-pix_fmt', 'yuvj420p']
    : // An AVI's or a camera's own tag is not MP4's.
      ['-map', '0:v:0', '-c:v', 'copy', '-tag:v', ring === 'copy-h264' ? 'avc1' : 'mp4v']
  const ringAudio = sound.flatMap(map => ['-map', map, '-c:a', 'aac', '-b:a', '64k', '-ac', '1'])
  // Every MJPEG picture is a key: cut by time alone. H.264 is cut at its key pictures as well.
  const movflags = `${ring === 'copy-h264' ? '+frag_keyframe' : ''}+empty_moov+default_base_moof`
  return {
    inputs: [
      { options: [...QUIET, ...decode, ...video.options], source: video.source },
      ...(typeof audio === 'object' ? [audio] : []),
    ],
    filter: encode ? `${seenThrough(mask)}split=2[ring][b];[b]${shrink}[small]` : `[0:v:0]${shrink}[small]`,
    outputs: [
      {
        options: [
          ...ringVideo,
          ...ringAudio,
          ...['-flags', '+global_header', '-f', 'fifo', '-fifo_format', 'mp4', '-queue_size', '600'],
          '-format_opts',
          `movflags=${movflags}:frag_duration=${FRAGMENT_MS * 1000}:flush_packets=1`,
        ],
        target: 'pipe:1',
      },
      {
        options: [
          ...['-map', '[small]', '-an', '-c:v', 'rawvideo', '-f', 'fifo', '-fifo_format', 'rawvideo'],
          ...['-drop_pkts_on_overflow', '1', '-queue_size', '2'],
        ],
        target: 'pipe:3',
      },
    ],
  }
}

/** The video as it may be seen. The mask's one picture is repeated for ever. */
function seenThrough(mask: string | undefined): string {
  if (mask === undefined) return '[0:v:0]'
  return `movie=${quoted(mask)}[mask];[0:v:0][mask]overlay=eof_action=repeat:shortest=0[seen];[seen]`
}

/** A path for a filter's option in a graph: quoted for the option, and that for the graph. */
export function quoted(path: string): string {
  const escaped = path.replace(/[\\':]/g, '\\$&')
  return escaped.replace(/[\\'[\],;]/g, '\\$&')
}

/** JPEGs can be decoded at a half or a quarter: as small as the small frames still allow. */
function lowresFor({ width, height }: { width: number; height: number }, size: number): number {
  const long = Math.max(width, height)
  if (long >> 2 >= size) return 2
  return long >> 1 >= size ? 1 : 0
}

/** A ring's fMP4 on stdin to a clip's fMP4 on stdout: H.264 and AAC from time 0. */
export function clipCommand(ring: 'mjpeg' | 'h264', encoder: 'libx264' | 'h264_v4l2m2m'): CommandLine {
  const x264 = ['-c:v', 'libx264', '-preset', 'veryfast', '-bf', '0', '-pix_fmt', 'yuv420p']
  const m2m = ['-c:v', 'h264_v4l2m2m', '-b:v', '3M', '-pix_fmt', 'yuv420p']
  // Every picture once, when it was taken: a camera's pace changes with the light.
  const pace = ['-fps_mode', 'vfr', '-enc_time_base', '1:90000']
  const keys = ['-force_key_frames', 'expr:gte(t,n_forced*2)']
  const video =
    ring === 'h264' ? ['-c:v', 'copy'] : [...(encoder === 'libx264' ? x264 : m2m), ...pace, ...keys]
  return {
    inputs: [{ options: [...QUIET, '-threads', '1', '-f', 'mp4'], source: 'pipe:0' }],
    outputs: [
      {
        options: [
          ...[
            '-map',
            '0:v:0',
            '-map',
            '0:a?',
            ...video,
            '-c:a',
            'copy',
            '-flags',
            '+global_header',
            '-f',
            'mp4',
          ],
          ...['-movflags', '+frag_keyframe+empty_moov+default_base_moof', '-frag_duration', '500000'],
          ...['-flush_packets', '1'],
        ],
        target: 'pipe:1',
      },
    ],
  }
}

/** A ring's fMP4 of JPEGs on stdin to fMP4 for somebody who watches now: each picture leaves as soon as it is there. */
export function liveCommand(encoder: 'libx264' | 'h264_v4l2m2m'): CommandLine {
  const x264 = ['-c:v', 'libx264', '-preset', 'superfast', '-tune', 'zerolatency', '-pix_fmt', 'yuv420p']
  const m2m = ['-c:v', 'h264_v4l2m2m', '-b:v', '3M', '-pix_fmt', 'yuv420p']
  return {
    inputs: [
      {
        options: [
          ...QUIET,
          '-threads',
          '1',
          '-fflags',
          'nobuffer',
          '-fpsprobesize',
          '0',
          '-analyzeduration',
          '0',
          '-f',
          'mp4',
        ],
        source: 'pipe:0',
      },
    ],
    outputs: [
      {
        options: [
          ...['-map', '0:v:0', '-map', '0:a?', ...(encoder === 'libx264' ? x264 : m2m)],
          ...['-fps_mode', 'vfr', '-enc_time_base', '1:90000', '-force_key_frames', 'expr:gte(t,n_forced)'],
          ...['-c:a', 'copy', '-flags', '+global_header', '-f', 'mp4'],
          ...['-movflags', '+frag_keyframe+empty_moov+default_base_moof', '-frag_duration', '100000'],
          ...['-flush_packets', '1'],
        ],
        target: 'pipe:1',
      },
    ],
  }
}

/** A ring's fMP4 on stdin to JPEGs on stdout, one a picture, `longSide` pixels at most. */
export function stillCommand(longSide: number): CommandLine {
  const scale = `scale='if(gte(iw,ih),min(iw,${longSide}),-2)':'if(gte(iw,ih),-2,min(ih,${longSide}))'`
  return {
    inputs: [{ options: [...QUIET, '-threads', '1', '-f', 'mp4'], source: 'pipe:0' }],
    outputs: [
      {
        options: [
          '-map',
          '0:v:0',
          '-an',
          '-vf',
          scale,
          '-c:v',
          'mjpeg',
          '-q:v',
          '4',
          '-pix_fmt',
          'yuvj420p',
          '-f',
          'image2pipe',
        ],
        target: 'pipe:1',
      },
    ],
  }
}

/** All arguments in the order in which ffmpeg gets them. */
export function toArguments({ inputs, filter, outputs }: CommandLine): readonly string[] {
  return [
    ...inputs.flatMap(({ options, source }) => [...options, '-i', source]),
    ...(filter === undefined ? [] : ['-filter_complex', filter]),
    ...outputs.flatMap(({ options, target }) => [...options, target]),
  ]
}
