import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ROOT, temporaryFolder } from '../support/places.ts'
import { claimVectors, halfVectors } from './claims.ts'
import { clipVectors } from './clips.ts'
import type { ClipVector, ClipVectors } from './format.ts'
import { partVectors } from './parts.ts'
import { rosterVectors } from './rosters.ts'
import { runClip } from './run-clip.ts'
import { sealedVectors } from './sealed.ts'
import { statementVectors } from './statements.ts'
import { certificateVectors, idVectors, invitationVectors, rightVectors, topicVectors } from './texts.ts'

/** Makes all vectors anew, with new keys: `node dist/test/vectors/make.js`. */
async function make(): Promise<void> {
  await write('ids', idVectors())
  await write('statements', await statementVectors())
  await write('rosters', await rosterVectors())
  await write('invitations', invitationVectors())
  await write('halves', await halfVectors())
  await write('claims', await claimVectors())
  await write('certificates', certificateVectors())
  await write('topics', topicVectors())
  await write('rights', rightVectors())
  await write('parts', partVectors())
  await write('sealed', await sealedVectors())
  await write('clips', await withCutHash(await clipVectors()))
}

/** How far a clip that was cut short opens is known only when it was opened; that it is a true beginning is tested. */
async function withCutHash(all: ClipVectors): Promise<ClipVectors> {
  const folder = await temporaryFolder()
  const clips: ClipVector[] = []
  for (const vector of all.clips) {
    let { expect } = vector
    if (typeof expect !== 'string' && expect.cutShort) {
      expect = await runClip(all, vector, join(folder.path, String(clips.length)))
      if (typeof expect === 'string') throw new Error(`${vector.name}: ${expect}`)
    }
    clips.push({ ...vector, expect })
  }
  await folder.remove()
  return { ...all, clips }
}

async function write(name: string, content: unknown): Promise<void> {
  await writeFile(join(ROOT, 'test', 'vectors', `${name}.json`), `${JSON.stringify(content, null, 1)}\n`)
}

await make()
