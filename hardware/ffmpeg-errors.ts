import { type ErrorCode, OwnlensError } from '../protocol/errors.ts'

/** What ffmpeg (5.1 to 7.1) says, and what it means. The first line that fits counts. */
const MEANINGS: readonly (readonly [RegExp, ErrorCode])[] = [
  [/cannot open audio device .*busy/i, 'microphone.busy'],
  [/\[alsa .*\] .*(cannot|error)/i, 'microphone.absent'],
  [/Device or resource busy/i, 'camera.busy'],
  [/Not a video capture device|Inappropriate ioctl for device/i, 'camera.not_capture'],
  [
    /The V4L2 driver changed the video from|Cannot find a proper format|Invalid argument.*v4l2/i,
    'camera.size',
  ],
  [/ioctl\(VIDIOC_S_(FMT|PARM)\).*Invalid argument/i, 'camera.size'],
  [/401 Unauthorized|403 Forbidden/i, 'camera.password'],
  [
    /Connection (refused|timed out|reset)|No route to host|Network is unreachable|resolve hostname|404 Not Found/i,
    'camera.unreachable',
  ],
  [/Stream map '.*' matches no streams|does not contain any stream/i, 'camera.no_video'],
  [/No such file or directory|No such device|Cannot open video device/i, 'camera.absent'],
  [/Permission denied/i, 'camera.permission'],
  [
    /No such filter|Error (parsing|initializing) .*filter|Invalid data found|Is a directory/i,
    'camera.source',
  ],
]

/** The error behind ffmpeg's last words before its first picture; `unknown` when they say nothing that is known. */
export function cameraError(
  lastWords: string,
  name: string,
  unknown: ErrorCode = 'camera.lost',
): OwnlensError {
  const words = withoutPasswords(lastWords)
  const meaning = MEANINGS.find(([pattern]) => pattern.test(words))
  return new OwnlensError(meaning?.[1] ?? unknown, name, { cause: new Error(words.slice(-1000)) })
}

/** A camera that had delivered has ended. Its words name broken pictures as well, so they decide nothing. */
export function cameraLost(lastWords: string, name: string): OwnlensError {
  return new OwnlensError('camera.lost', name, {
    cause: new Error(withoutPasswords(lastWords).slice(-1000)),
  })
}

/** Addresses lose their user and password before anybody can log them. */
export function withoutPasswords(text: string): string {
  return text.replace(/(\w+:\/\/)[^\s/@]*@/g, '$1')
}
