import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ffmpegCamera } from '../../hardware/camera.ts'
import { prepareStream } from '../../hardware/capture.ts'
import { nameOfSource, parseSource } from '../../hardware/source.ts'
import { temporaryFolder } from '../support/places.ts'

const run = promisify(execFile)
const PATH = process.env.PATH
let folder: Awaited<ReturnType<typeof temporaryFolder>>

beforeAll(async () => {
  folder = await temporaryFolder()
  const at = (name: string) => join(folder.path, name)
  const text = 'Dear reader,\nthis is no video.\n'.repeat(100)
  await writeFile(at('letter.txt'), text)
  await writeFile(at('letter.mp4'), text)
  await writeFile(at('drawing.ans'), `\u001b[31m${text}`)
  await writeFile(at('empty.mp4'), '')
  await mkdir(at('folder'))
  const sine = ['-f', 'lavfi', '-i', 'sine=d=1']
  const cover = ['-f', 'lavfi', '-i', 'color=s=64x64', '-frames:v', '1']
  await run('ffmpeg', ['-v', 'error', ...sine, at('sound.wav')])
  await run('ffmpeg', ['-v', 'error', ...cover, at('cover.png')])
  const song = ['-map', '0', '-map', '1', '-c:v', 'copy', '-disposition:v', 'attached_pic']
  await run('ffmpeg', ['-v', 'error', ...sine, '-i', at('cover.png'), ...song, at('song.mp3')])
})

afterAll(async () => {
  process.env.PATH = PATH
  await folder.remove()
})

async function prepare(text: string) {
  const source = parseSource(text)
  if (source.kind === 'v4l2' || source.kind === 'scene') throw new Error('not a stream')
  return prepareStream(source, nameOfSource(source), { loop: true, sound: true })
}

test.each([
  // ffmpeg would draw these two as on a terminal.
  ['letter.txt', 'camera.no_video'],
  ['drawing.ans', 'camera.no_video'],
  ['letter.mp4', 'camera.source'],
  ['empty.mp4', 'camera.source'],
  ['folder', 'camera.source'],
  ['sound.wav', 'camera.no_video'],
  ['song.mp3', 'camera.no_video'],
  ['absent.mp4', 'camera.file'],
])('%s is refused with %s', async (name, code) => {
  await expect(prepare(join(folder.path, name))).rejects.toMatchObject({ code, retry: false })
})

test.each([
  ['', 'camera.source'],
  ['http://camera/video', 'camera.source'],
  ['lavfi:nosuchfilter', 'camera.source'],
  ['lavfi:testsrc=nosuch=1', 'camera.source'],
  ['lavfi:testsrc[a', 'camera.source'],
  ['lavfi:sine', 'camera.no_video'],
  ['rtsp://127.0.0.1:9/camera', 'camera.unreachable'],
  ['rtsp://no-such-host.invalid/camera', 'camera.unreachable'],
])('%s is refused with %s', async (source, code) => {
  await expect(Promise.resolve().then(() => prepare(source))).rejects.toMatchObject({ code })
})

test('without ffmpeg it says so, and works once it is there', async () => {
  process.env.PATH = folder.path
  const frames = { rate: 5, size: 192 }
  const abort = new AbortController()
  await expect(prepare('lavfi:testsrc')).rejects.toMatchObject({ code: 'ffmpeg.absent' })
  const camera = ffmpegCamera('test', async () => ({
    video: { options: ['-re', '-f', 'lavfi'], source: 'testsrc=s=320x240' },
    audio: 'none',
    ring: 'encode-mjpeg',
    width: 320,
    height: 240,
  }))
  await expect(camera.open({ signal: abort.signal, frames })).rejects.toMatchObject({ code: 'ffmpeg.absent' })
  process.env.PATH = PATH
  const session = await camera.open({ signal: abort.signal, frames })
  abort.abort()
  await session.ended
})
