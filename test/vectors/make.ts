import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ROOT, temporaryFolder } from '../support/places.ts'
import { claimVectors, halfVectors } from './claims.ts'
import { clipVectors } from './clips.ts'
import { commandVectors } from './commands.ts'
import type { ClipVector, ClipVectors } from './format.ts'
import { liveVectors } from './live.ts'
import { partVectors } from './parts.ts'
import { rosterVectors } from './rosters.ts'
import { runClip } from './run-clip.ts'
import { sealedVectors } from './sealed.ts'
import { statementVectors } from './statements.ts'
import { certificateVectors, idVectors, invitationVectors, rightVectors, topicVectors } from './texts.ts'

/** Makes vectors anew, with new keys: `node dist/test/vectors/make.js [NAME…]`, all of them without a name. */
const MAKERS: Readonly<Record<string, () => unknown>> = {
  ids: idVectors,
  statements: statementVectors,
  rosters: rosterVectors,
  invitations: invitationVectors,
  halves: halfVectors,
  claims: claimVectors,
  certificates: certificateVectors,
  topics: topicVectors,
  rights: rightVectors,
  parts: partVectors,
  sealed: sealedVectors,
  commands: commandVectors,
  live: liveVectors,
  clips: async () => withCutHash(await clipVectors()),
}

async function make(wanted: readonly string[]): Promise<void> {
  for (const [name, vectors] of Object.entries(MAKERS))
    if (wanted.length === 0 || wanted.includes(name)) await write(name, await vectors())
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

await make(process.argv.slice(2))
