import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { seal } from '../../agent/seal.ts'
import { type Manifest, manifestKind, type Opening, openingKind } from '../../protocol/clip.ts'
import { base32, hex, sha256 } from '../../protocol/ids.ts'
import type { Signer } from '../../protocol/keys.ts'
import { readPart, writePart } from '../../protocol/part.ts'
import { openStatement, sealStatement } from '../../protocol/sealed.ts'
import { newPerson, type Person, TestHousehold } from '../support/people.ts'
import type { ClipVector, ClipVectors } from './format.ts'

type Parts = Readonly<Record<string, Uint8Array>>

/** Two real seconds of video and sound, and a real picture. */
function media(): { video: Buffer; picture: Buffer } {
  const ffmpeg = (args: string) =>
    execFileSync('ffmpeg', ['-v', 'error', ...args.split(' '), '-'], { maxBuffer: 1 << 24 })
  const video = ffmpeg(
    '-f lavfi -i testsrc=s=320x240:r=15,noise=alls=40:allf=t -f lavfi -i sine=frequency=330:sample_rate=16000 -t 2 -c:v libx264 -preset veryfast -b:v 800k -maxrate 800k -bufsize 200k -g 15 -pix_fmt yuv420p -c:a aac -movflags +frag_keyframe+empty_moov+default_base_moof -f mp4',
  )
  return { video, picture: ffmpeg('-f lavfi -i testsrc=s=160x120 -frames:v 1 -c:v mjpeg -f image2pipe') }
}

export async function clipVectors(): Promise<ClipVectors> {
  const home = new TestHousehold()
  const [member, device, twin] = [
    await newPerson('x25519'),
    await newPerson('x25519'),
    await newPerson('x25519'),
  ]
  const { video, picture } = media()
  const recipients = [member.recipients.x25519]
  const line = { householdId: home.id, deviceId: device.signer.id, epoch: 1 }
  const envelope = { audience: 'household', ...line, roster: 1 } as const

  const record = async (counter: number, previous: Manifest['previous'], signer = device.signer) => {
    const clipId = base32(randomBytes(16))
    let clock = 0
    let hash = ''
    const parts: Record<string, Uint8Array> = {}
    const pieces = async function* () {
      for (let at = 0; at < video.length; at += 10_000) yield video.subarray(at, at + 10_000)
    }
    const head = {
      clipId,
      counter,
      startedAt: new Date(Date.UTC(2026, 10, 24, 12)),
      clockSure: true,
      audio: true,
      trigger: 'face',
    } as const
    const tail = async () => ({
      durationMs: 2000,
      triggers: ['face' as const],
      end: 'event' as const,
      faces: [],
      previous,
      thumbnail: picture,
    })
    const remember = async (told: string) => {
      hash = told
    }
    const identity = { member: { recipients, envelope }, signer, monotonic: () => (clock += 2600) }
    for await (const part of seal(pieces(), head, tail, identity, remember))
      parts[part.name] = writePart(part.kind, part.payload, part.parts)
    return { clipId, parts: parts as Parts, previous: { counter, sha256: hash } }
  }
  const first = await record(1, null)
  const second = await record(2, first.previous)

  const claim = await home.claim(device, await home.half(device, randomBytes(16)))
  const blobs: Record<string, string> = {}
  const clips: ClipVector[] = []
  const whole = { video: hex(sha256(video)), thumbnail: hex(sha256(picture)), cutShort: false }
  const add = (
    name: string,
    parts: Parts,
    expect: ClipVector['expect'],
    changed: Partial<ClipVector> = {},
  ) => {
    const named: Record<string, string> = {}
    for (const [part, message] of Object.entries(parts)) {
      const id = hex(sha256(message))
      blobs[id] = Buffer.from(message).toString('base64')
      named[part] = id
    }
    clips.push({
      name,
      epoch: 1,
      deviceId: device.signer.id,
      clipId: first.clipId,
      parts: named,
      after: [],
      expect,
      ...changed,
    })
  }
  const without = (parts: Parts, ...names: string[]): Parts =>
    Object.fromEntries(Object.entries(parts).filter(([name]) => !names.includes(name)))
  const { parts } = first
  const rewritten = rewriter(parts, member, { signer: device.signer, recipients })

  add('whole', parts, whole)
  add('the next one', second.parts, whole, { clipId: second.clipId, after: ['whole'] })
  add('opened again', parts, whole, { after: ['whole'] })
  const cut = without(
    parts,
    'end',
    'thumb',
    String(Object.keys(parts).filter(name => /^\d+$/.test(name)).length - 1),
  )
  add('cut short', cut, { ...whole, thumbnail: null, cutShort: true, video: '' })
  add(
    'cut short before a running hash',
    without(cut, ...Object.keys(parts).filter(name => name.startsWith('h'))),
    'clip.unproven',
  )
  add('a part is missing', without(parts, '1'), 'clip.incomplete')
  add('no opening', without(parts, 'open'), 'clip.frames')
  add(
    'parts in another order',
    { ...parts, 0: parts[1] as Uint8Array, 1: parts[0] as Uint8Array },
    'clip.hash',
  )
  add('a part of another kind', { ...parts, thumb: parts[0] as Uint8Array }, 'clip.frames')
  add('of another clip', { ...parts, 0: second.parts[0] as Uint8Array }, 'clip.hash')
  add('the thumbnail of another clip', { ...parts, thumb: second.parts.thumb as Uint8Array }, 'clip.hash')
  add('the end of another clip', { ...parts, end: second.parts.end as Uint8Array }, 'clip.envelope')
  for (const name of ['open', '0', 'thumb', 'end']) {
    const { kind, payload, parts: counts } = readPart(parts[name] as Uint8Array)
    const flipped = Uint8Array.from(payload)
    flipped[flipped.length - 20] = (flipped[flipped.length - 20] ?? 0) ^ 1
    const code = name === 'open' || name === 'end' ? 'seal.damaged' : 'clip.hash'
    add(`a bit changed in ${name}`, { ...parts, [name]: writePart(kind, flipped, counts) }, code)
    add(`${name} truncated`, { ...parts, [name]: (parts[name] as Uint8Array).slice(0, -5) }, 'part.frame')
  }
  add('under another id', parts, 'clip.envelope', { clipId: second.clipId })
  add('of an epoch without a claim', parts, 'clip.claim', { epoch: 2 })
  add('of a device without a claim', parts, 'clip.claim', { deviceId: twin.signer.id })
  add(
    'its number borne by another clip',
    await rewritten({ counter: 1, clipId: second.clipId }),
    'clip.counter',
    { clipId: second.clipId, after: ['whole'] },
  )
  add('signed anew by another device', await rewritten({}, { signer: twin.signer }), 'statement.signer')
  add('signed anew by a member', await rewritten({}, { signer: member.signer }), 'statement.signer')
  add('of another household', await rewritten({ householdId: new TestHousehold().id }), 'clip.envelope')
  add('of another epoch', await rewritten({ epoch: 2 }), 'clip.envelope')
  add('sealed to somebody else', await rewritten({}, { recipients: [twin.recipients.x25519] }), 'seal.closed')
  add(
    'a chain that does not hold',
    await rewritten({ counter: 3, previous: { counter: 1, sha256: 'f'.repeat(64) } }),
    'clip.chain',
    { after: ['whole'] },
  )
  add(
    'another hash of the video',
    await rewritten({
      video: { sealed: { bytes: 1, sha256: 'f'.repeat(64) }, plain: { bytes: 1, sha256: 'f'.repeat(64) } },
    }),
    'clip.hash',
  )
  return { householdId: home.id, rootId: home.root.id, claim, identities: member.identities, blobs, clips }
}

/** Opening and manifest of a clip with other fields, another signer or other recipients; the video stays. */
function rewriter(parts: Parts, member: Person, own: { signer: Signer; recipients: readonly string[] }) {
  return async (
    changed: Partial<Manifest>,
    by: Partial<{ signer: Signer; recipients: readonly string[] }> = {},
  ): Promise<Parts> => {
    const { signer, recipients } = { ...own, ...by }
    const end = readPart(parts.end as Uint8Array)
    const opened = <T>(kind: Parameters<typeof openStatement<T>>[0], payload: Uint8Array) =>
      openStatement(kind, payload, member.identities, own.signer.id)
    const opening = (await opened<Opening>(openingKind, readPart(parts.open as Uint8Array).payload)).payload
    const manifest = (await opened<Manifest>(manifestKind, end.payload)).payload
    const {
      clipId = opening.clipId,
      counter = opening.counter,
      householdId = opening.householdId,
      epoch = opening.epoch,
    } = changed
    const same = { clipId, counter, householdId, epoch }
    return {
      ...parts,
      open: writePart('open', await sealStatement(openingKind, { ...opening, ...same }, signer, recipients)),
      end: writePart(
        'end',
        await sealStatement(manifestKind, { ...manifest, ...changed, ...same }, signer, recipients),
        end.parts,
      ),
    }
  }
}
