import { join, relative } from 'node:path'
import { codeOf } from '../protocol/errors.ts'
import { hex, sha256 } from '../protocol/ids.ts'
import type { ForeignThing, KindSeen } from '../protocol/incident.ts'
import { kindOfPart, readPart } from '../protocol/part.ts'
import { openBytes } from '../protocol/sealed.ts'
import { readTopic, type Topic } from '../protocol/topics.ts'
import { type Disk, listFiles } from '../storage/disk.ts'
import type { Refused } from './clips.ts'

/** Larger files and more of them are not looked at. */
const FILE_MAX = 64 * 1024 * 1024
const FILES_MAX = 20_000
/** What every age v1 file begins with. */
const AGE_MARK = Buffer.from('age-encryption.org/v1\n')

/** Of a clip's files, the ones that are one sealed thing together: its video comes in pieces. */
interface Pieces {
  readonly what: string
  readonly topic: Topic | undefined
  readonly pieces: Map<number, Uint8Array>
}

/**
 * Looks at what a person has found that is not of this home: files in a folder, laid out as topics
 * (`ownlens/1/<household>/…`) or as the hub's store does it (`<household>/<epoch>/<device>/<clip>/<part>`), or in any other
 * way. Every key of this home is tried on each.
 */
export async function foreignIn(
  disk: Disk,
  folder: string,
  householdId: string,
  identities: readonly string[],
): Promise<readonly ForeignThing[]> {
  const found = new Map<string, Pieces>()
  for (const path of await filesIn(disk, folder)) {
    const name = relative(folder, path)
    const topic = topicIn(name)
    if (topic?.householdId === householdId) continue
    const { bytes = 0 } = (await disk.info(path)) ?? {}
    const content = bytes > FILE_MAX ? undefined : await disk.read(path)
    if (content === undefined) continue
    const isVideo = topic?.kind === 'clip' && kindOfPart(topic.part) === 'video'
    const what = isVideo ? name.slice(0, name.lastIndexOf('/') + 1) : name
    const one = found.get(what) ?? { what, topic, pieces: new Map() }
    found.set(what, one)
    one.pieces.set(isVideo ? Number(topic.part) : 0, topic?.kind === 'clip' ? sealedIn(content) : content)
  }
  return Promise.all([...found.values()].map(pieces => thingOf(pieces, identities)))
}

/** Clips that the hub listed for this home and that are sealed to others. */
export async function foreignAtHub(refused: readonly Refused[]): Promise<readonly ForeignThing[]> {
  const things: ForeignThing[] = []
  for (const { clip, error } of refused) {
    if (error.code !== 'seal.closed') continue
    const { epoch, deviceId, clipId, bytes } = clip
    const opening = await clip.read('open').catch(() => new Uint8Array())
    things.push({
      what: `at the hub, epoch ${epoch}, clip ${clipId}`,
      ...{ householdId: null, deviceId, kinds: ['video', 'picture', 'sound', 'faces'], bytes },
      ...{ sha256: hex(sha256(opening)), opened: false },
    })
  }
  return things
}

async function filesIn(disk: Disk, folder: string): Promise<readonly string[]> {
  const files: string[] = []
  const folders = [folder]
  for (let at = folders.shift(); at !== undefined && files.length < FILES_MAX; at = folders.shift())
    for (const name of await listFiles(disk, at)) {
      const path = join(at, name)
      // A folder has no names of its own only when it is a file, or empty.
      const inside = await disk.list(path).catch(() => undefined)
      if (inside === undefined) files.push(path)
      else folders.push(path)
    }
  return files
}

/** The topic that a file's place says; more than one message of a topic may lie beside each other, with anything behind. */
function topicIn(name: string): Topic | undefined {
  const parts = name.split('/')
  const from = parts.findIndex((part, index) => part === 'ownlens' && parts[index + 1] === '1')
  if (from >= 0) {
    const text = parts.slice(from).join('/')
    return readTopic(text) ?? readTopic(text.slice(0, text.lastIndexOf('/')))
  }
  const [householdId, epoch, deviceId, clipId, part] = parts.slice(-5)
  return readTopic(`ownlens/1/${householdId}/${epoch}/${deviceId}/clip/${clipId}/${part}`)
}

function sealedIn(message: Uint8Array): Uint8Array {
  try {
    return readPart(message).payload
  } catch {
    return message
  }
}

async function thingOf(
  { what, topic, pieces }: Pieces,
  identities: readonly string[],
): Promise<ForeignThing> {
  const bytes = Buffer.concat([...pieces].sort(([a], [b]) => a - b).map(([, piece]) => piece))
  return {
    what: printable(what),
    householdId: topic?.householdId ?? null,
    deviceId: topic?.deviceId ?? null,
    kinds: topic === undefined ? [] : [...kindsUnder(topic)],
    bytes: bytes.length,
    sha256: hex(sha256(bytes)),
    opened: pieces.has(0) && topic !== undefined && (await isOpen(bytes, identities)),
  }
}

/** Whether this home can look into it: it is not sealed at all, or the lock of an age file takes one of these keys. */
async function isOpen(bytes: Uint8Array, identities: readonly string[]): Promise<boolean> {
  if (Buffer.compare(Buffer.from(bytes).subarray(0, AGE_MARK.length), AGE_MARK) !== 0) return true
  return openBytes(bytes, identities).then(
    () => true,
    error => codeOf(error) !== 'seal.closed',
  )
}

/** Which of the four kinds a sealed thing under this topic carries. Video and sound are one file. */
function kindsUnder(topic: Topic): readonly KindSeen[] {
  if (topic.kind === 'alert') return ['picture', 'faces']
  if (topic.kind === 'live') return ['video', 'sound']
  if (topic.kind !== 'clip') return []
  const kind = kindOfPart(topic.part)
  if (kind === 'video') return ['video', 'sound']
  return kind === 'thumb' ? ['picture'] : kind === 'end' ? ['faces'] : []
}

const printable = (name: string): string =>
  name.replace(/[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, '\ufffd').slice(-300)
