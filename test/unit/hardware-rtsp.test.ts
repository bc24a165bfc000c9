import { describe, type TestContext, test } from 'vitest'
import { captureCommand, toArguments } from '../../hardware/arguments.ts'
import { ffmpegCamera } from '../../hardware/camera.ts'
import { prepareStream } from '../../hardware/capture.ts'
import type { Camera, CameraSession } from '../../hardware/hardware.ts'
import { nameOfSource, parseSource } from '../../hardware/source.ts'
import { type RtspCamera, type RtspOptions, startRtsp } from '../support/hardware-rtsp.ts'

const FRAMES = { rate: 5, size: 192 }

/** A network camera, and what ends its sessions, for one test. */
async function networkCamera(
  { onTestFinished }: TestContext,
  options: RtspOptions,
): Promise<{ server: RtspCamera; url: string; abort: AbortController }> {
  const server = await startRtsp(options)
  const abort = new AbortController()
  onTestFinished(async () => {
    abort.abort()
    await server.close()
  })
  return { server, url: server.url, abort }
}

function prepare(url: string) {
  const source = parseSource(url)
  if (source.kind !== 'rtsp') throw new Error(`not RTSP: ${url}`)
  return prepareStream(source, nameOfSource(source), { loop: false, sound: true })
}

function cameraAt(url: string): Camera {
  return ffmpegCamera(nameOfSource(parseSource(url)), () => prepare(url))
}

/** Reads so many milliseconds of the ring. */
async function read(session: CameraSession, ms: number): Promise<void> {
  let sum = 0
  for await (const { durationMs } of session.fragments) {
    sum += durationMs
    if (sum > ms) return
  }
}

describe.concurrent('a network camera', () => {
  test('H.264 with a key picture a second is passed through', async context => {
    const { url, abort } = await networkCamera(context, { codec: 'h264' })
    const session = await cameraAt(url).open({ signal: abort.signal, frames: FRAMES })
    context.expect(session.format).toEqual({ video: 'h264', width: 320, height: 240, audio: false })
    await read(session, 3000)
    abort.abort()
    await session.ended
  })

  test('H.264 with a key picture every five seconds ends once, and is decoded from then on', async context => {
    const { url, abort } = await networkCamera(context, { codec: 'h264', keyGap: 5 })
    const camera = cameraAt(url)
    const first = await camera.open({ signal: abort.signal, frames: FRAMES })
    context.expect(first.format.video).toBe('h264')
    await context.expect(first.ended).rejects.toMatchObject({ code: 'camera.keys', retry: true })
    const second = await camera.open({ signal: abort.signal, frames: FRAMES })
    context.expect(second.format.video).toBe('mjpeg')
    await read(second, 3000)
  })

  test('MJPEG is passed through', async context => {
    const { url, abort } = await networkCamera(context, { codec: 'mjpeg' })
    const session = await cameraAt(url).open({ signal: abort.signal, frames: FRAMES })
    context.expect(session.format).toEqual({ video: 'mjpeg', width: 320, height: 240, audio: false })
    await read(session, 1000)
  })

  test('the password is in the command line, and in no name and no error', async context => {
    const { expect } = context
    const { server, url: bare } = await networkCamera(context, { codec: 'h264', login: 'me:secret' })
    const url = bare.replace('://', '://me:secret@')
    expect(toArguments(captureCommand(await prepare(url), FRAMES)).join(' ')).toContain(
      `-rtsp_transport tcp -timeout 5000000 -i ${url} `,
    )
    expect(nameOfSource(parseSource(url))).not.toContain('secret')
    await server.close()
    const error: unknown = await prepare(url).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'camera.unreachable' })
    expect(`${error} ${(error as Error).cause}`).not.toContain('secret')
  })

  test('a wrong password is told as such', async context => {
    const { url } = await networkCamera(context, { codec: 'h264', login: 'me:secret' })
    const wrong = prepare(url.replace('://', '://me:wrong@'))
    await context.expect(wrong).rejects.toMatchObject({ code: 'camera.password' })
  })

  test('a camera that is pulled out is lost', async context => {
    const { server, url, abort } = await networkCamera(context, { codec: 'h264' })
    const session = await cameraAt(url).open({ signal: abort.signal, frames: FRAMES })
    await server.close()
    await context.expect(session.ended).rejects.toMatchObject({ code: 'camera.lost' })
  })
})
