import { type ChildProcess, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'

export interface RtspOptions {
  readonly codec: 'h264' | 'mjpeg'
  /** Seconds between key pictures. */
  readonly keyGap?: number
  /** `user:password` that it asks for. */
  readonly login?: string
}

export interface RtspCamera {
  /** `rtsp://127.0.0.1:PORT/camera`. */
  readonly url: string
  close(): Promise<void>
}

/** A network camera: RTSP over one TCP connection (RFC 2326 §10.12), 320x240 at 10 pictures a second, made by ffmpeg. */
export async function startRtsp(options: RtspOptions): Promise<RtspCamera> {
  const children = new Set<ChildProcess>()
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => undefined)
    let text = ''
    socket.on('data', bytes => {
      // What a client sends between its requests ($, channel, length: RTCP) is not looked at.
      text += bytes.toString('latin1')
      for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
        const request = /[A-Z_]+ rtsp:[\s\S]*/.exec(text.slice(0, end))?.[0] ?? ''
        text = text.slice(end + 4)
        void answer(socket, request, options, children)
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `rtsp://127.0.0.1:${(server.address() as AddressInfo).port}/camera`,
    async close() {
      for (const child of children) child.kill('SIGKILL')
      for (const socket of sockets) socket.destroy()
      if (!server.listening) return
      server.close()
      await once(server, 'close')
    },
  }
}

async function answer(
  socket: Socket,
  request: string,
  options: RtspOptions,
  children: Set<ChildProcess>,
): Promise<void> {
  const [, method = ''] = /^([A-Z_]+) /.exec(request) ?? []
  const reply = (status: string, headers: readonly string[], body = '') => {
    const [, cseq = '0'] = /^CSeq: (\d+)/m.exec(request) ?? []
    const length = body === '' ? [] : ['Content-Type: application/sdp', `Content-Length: ${body.length}`]
    socket.write([`RTSP/1.0 ${status}`, `CSeq: ${cseq}`, ...headers, ...length, '', body].join('\r\n'))
  }
  const [, login] = /^Authorization: Basic (\S+)/m.exec(request) ?? []
  if (options.login !== undefined && login !== Buffer.from(options.login).toString('base64'))
    return reply('401 Unauthorized', ['WWW-Authenticate: Basic realm="camera"'])
  if (method === 'OPTIONS') return reply('200 OK', ['Public: DESCRIBE, SETUP, PLAY, TEARDOWN'])
  if (method === 'DESCRIBE') return reply('200 OK', [], sdp(options.codec))
  if (method === 'SETUP')
    return reply('200 OK', ['Session: 1', 'Transport: RTP/AVP/TCP;unicast;interleaved=0-1'])
  reply('200 OK', ['Session: 1'])
  if (method === 'PLAY') await play(socket, options, children)
}

function sdp(codec: RtspOptions['codec']): string {
  const media =
    codec === 'mjpeg'
      ? ['m=video 0 RTP/AVP 26']
      : ['m=video 0 RTP/AVP 96', 'a=rtpmap:96 H264/90000', 'a=fmtp:96 packetization-mode=1']
  return ['v=0', 'o=- 0 0 IN IP4 127.0.0.1', 's=camera', 't=0 0', ...media, 'a=control:video', ''].join(
    '\r\n',
  )
}

/** ffmpeg sends RTP by UDP to here; each packet goes on with four bytes before it. */
async function play(socket: Socket, options: RtspOptions, children: Set<ChildProcess>): Promise<void> {
  const udp = createSocket('udp4').bind(0, '127.0.0.1')
  await once(udp, 'listening')
  udp.on('message', packet => {
    socket.write(Buffer.from([0x24, 0, packet.length >> 8, packet.length & 0xff]))
    socket.write(packet)
  })
  const keys = String(Math.round((options.keyGap ?? 1) * 10))
  const h264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-g', keys]
  // RTP carries JPEGs with the standard tables only (RFC 2435).
  const codec = options.codec === 'h264' ? h264 : ['-c:v', 'mjpeg', '-huffman', 'default', '-q:v', '5']
  const child = spawn('ffmpeg', [
    ...['-v', 'error', '-re', '-f', 'lavfi', '-i', 'testsrc=s=320x240:r=10'],
    ...[...codec, '-pix_fmt', options.codec === 'h264' ? 'yuv420p' : 'yuvj420p', '-f', 'rtp'],
    `rtp://127.0.0.1:${udp.address().port}?pkt_size=1300`,
  ])
  children.add(child)
  socket.on('close', () => {
    child.kill('SIGKILL')
    udp.close()
  })
}
