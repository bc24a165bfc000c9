import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { hex, sha256 } from '../../protocol/ids.ts'
import { ROOT, temporaryFolder } from '../support/places.ts'
import { vectors } from '../support/vectors.ts'
import type { ClipVectors } from '../vectors/format.ts'
import { storedClip } from '../vectors/run-clip.ts'

const run = promisify(execFile)
/** Written by the specification alone, with Python's own library, `age` and `openssl`. */
const READER = join(ROOT, 'test/interop/open_clips.py')

const python = (...args: readonly string[]) =>
  run('python3', [READER, ...args]).catch((error: { stdout: string; stderr: string; code: number }) => error)

test('a reader in Python takes and refuses the same clips, by the same codes', async () => {
  const all = await vectors<ClipVectors>('clips')
  const { stdout } = await python('vectors', join(ROOT, 'test/vectors/clips.json'))
  const last = /^(\d+) as expected, 0 wrong, (\d+) left out$/m.exec(stdout)
  expect(last, stdout).not.toBeNull()
  const [passed, leftOut] = [Number(last?.[1]), Number(last?.[2])]
  expect(passed + leftOut).toBe(all.clips.length)
  // Sealed to hybrid recipients: the `age` command cannot open these.
  expect(leftOut).toBeLessThan(10)
})

test('it opens a clip out of a store’s folder, and names the code of one that it refuses', async () => {
  const { path: folder, remove } = await temporaryFolder()
  try {
    const all = await vectors<ClipVectors>('clips')
    const { householdId, rootId, claims, identities } = all
    const home = join(folder, 'home.json')
    await writeFile(home, JSON.stringify({ householdId, rootId, claims, identities }))
    for (const name of ['whole', 'a bit of 0 changed']) {
      const vector = all.clips.find(one => one.name === name)
      if (vector === undefined) throw new Error(name)
      const [store, out] = [join(folder, name, 'store'), join(folder, name, 'out')]
      await storedClip(all, vector, store)
      const { stdout } = await python('open', home, store, out)
      const told = JSON.parse(stdout)
      if (typeof vector.expect === 'string') {
        expect(told).toEqual({ clipId: vector.clipId, code: vector.expect })
        continue
      }
      expect(told).toEqual({ clipId: vector.clipId, cutShort: false })
      expect(hex(sha256(await readFile(join(out, `${vector.clipId}.mp4`))))).toBe(vector.expect.video)
    }
  } finally {
    await remove()
  }
})
