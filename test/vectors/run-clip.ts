import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { clipsInFolder, type SealedClip } from '../../home/clip-source.ts'
import { Ledger } from '../../home/ledger.ts'
import { openClip } from '../../home/open-clip.ts'
import { readClaim } from '../../protocol/claim.ts'
import { codeOf } from '../../protocol/errors.ts'
import { hex, sha256 } from '../../protocol/ids.ts'
import { disk } from '../../storage/disk.ts'
import type { ClipVector, ClipVectors } from './format.ts'

/** Lays a clip of the vectors out as a store does, opens it as an app does, and says what came of it. */
export async function runClip(
  all: ClipVectors,
  vector: ClipVector,
  folder: string,
): Promise<ClipVector['expect']> {
  await disk.makeFolder(folder)
  const ledger = await Ledger.open(disk, folder)
  for (const before of vector.after) {
    const earlier = all.clips.find(({ name }) => name === before)
    if (earlier === undefined) throw new Error(`there is no clip ${before}`)
    const result = await open(all, earlier, join(folder, before.replaceAll(/\W+/g, '-')), ledger)
    if (typeof result === 'string') throw new Error(`${before}: ${result}`)
  }
  return open(all, vector, join(folder, 'this'), ledger)
}

/** A clip of the vectors in a store of its own. */
export async function storedClip(all: ClipVectors, vector: ClipVector, folder: string): Promise<SealedClip> {
  const at = join(folder, all.householdId, String(vector.epoch), vector.deviceId, vector.clipId)
  await disk.makeFolder(at)
  for (const [part, blob] of Object.entries(vector.parts))
    await disk.write(join(at, part), Buffer.from(all.blobs[blob] ?? '', 'base64'))
  const [clip] = await clipsInFolder(disk, folder, all.householdId)
  if (clip === undefined) throw new Error(`${vector.name}: no clip was found`)
  return clip
}

async function open(
  all: ClipVectors,
  vector: ClipVector,
  folder: string,
  ledger: Ledger,
): Promise<ClipVector['expect']> {
  const { householdId, rootId, identities } = all
  const clip = await storedClip(all, vector, join(folder, 'store'))
  await disk.makeFolder(join(folder, 'out'))
  try {
    const claims = await Promise.all(all.claims.map(claim => readClaim(claim, { householdId, rootId })))
    const opened = await openClip(clip, { claims, blocked: [], identities, ledger, out: join(folder, 'out') })
    const hashOf = async (path: string) => hex(sha256(await readFile(path)))
    return {
      video: await hashOf(opened.file),
      thumbnail: opened.thumbnail === null ? null : await hashOf(opened.thumbnail),
      cutShort: opened.cutShort,
    }
  } catch (error) {
    if ((await disk.list(join(folder, 'out'))).length > 0)
      throw new Error(`${vector.name}: something was left behind`)
    return codeOf(error) ?? `unexpected: ${(error as Error).message}`
  }
}
