import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { clipsInFolder } from '../../home/clip-source.ts'
import { claimFor } from '../../home/clips.ts'
import { Ledger } from '../../home/ledger.ts'
import { openClip } from '../../home/open-clip.ts'
import { readClaim } from '../../protocol/claim.ts'
import { hex, sha256 } from '../../protocol/ids.ts'
import { disk } from '../../storage/disk.ts'
import type { ClipVector, ClipVectors } from './format.ts'

/** Lays a clip of the vectors out as a store does, opens it as an app does, and says what came of it. */
export async function runClip(
  all: ClipVectors,
  vector: ClipVector,
  folder: string,
): Promise<ClipVector['expect']> {
  const ledger = await Ledger.open(disk, folder)
  for (const before of vector.after) {
    const earlier = all.clips.find(({ name }) => name === before)
    if (earlier !== undefined) await open(all, earlier, join(folder, before.replaceAll(' ', '-')), ledger)
  }
  return open(all, vector, join(folder, 'this'), ledger)
}

async function open(
  all: ClipVectors,
  vector: ClipVector,
  folder: string,
  ledger: Ledger,
): Promise<ClipVector['expect']> {
  const { householdId, rootId, identities } = all
  const at = join(folder, 'store', householdId, String(vector.epoch), vector.deviceId, vector.clipId)
  await disk.makeFolder(at)
  for (const [part, blob] of Object.entries(vector.parts))
    await disk.write(join(at, part), Buffer.from(all.blobs[blob] ?? '', 'base64'))
  const [clip] = await clipsInFolder(disk, join(folder, 'store'), householdId)
  if (clip === undefined) throw new Error(`${vector.name}: no clip was found`)
  await disk.makeFolder(join(folder, 'out'))
  try {
    const claim = claimFor(clip, [await readClaim(all.claim, { householdId, rootId })])
    const opened = await openClip(clip, { claim, identities, ledger, out: join(folder, 'out') })
    const hashOf = async (path: string) => hex(sha256(await readFile(path)))
    return {
      video: await hashOf(opened.file),
      thumbnail: opened.thumbnail === null ? null : await hashOf(opened.thumbnail),
      cutShort: opened.cutShort,
    }
  } catch (error) {
    if ((await disk.list(join(folder, 'out'))).length > 0)
      throw new Error(`${vector.name}: something was left behind`)
    return (error as { code?: string }).code ?? `unexpected: ${(error as Error).message}`
  }
}
