import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { readPart } from '../../protocol/part.ts'
import { faceVideo } from '../support/face-video.ts'
import { eventually, startWorld } from '../support/world.ts'

test('Debian’s age opens a clip of an X25519 household, byte for byte', async () => {
  const world = await startWorld({ suite: 'x25519' })
  try {
    const agent = await world.agent({
      camera: await faceVideo('h264'),
      microphone: 'auto',
      clip: { maxSeconds: 5 },
    })
    const clip = await eventually(
      async () => (await world.clips()).find(({ parts }) => parts.includes('end')),
      'a whole clip',
    )
    await agent.kill('SIGTERM')
    const { opened } = await world.open()
    const ours = opened.find(({ clipId }) => clipId === clip.clipId)
    const names = clip.parts.filter(name => /^\d+$/.test(name)).sort((a, b) => Number(a) - Number(b))
    const parts = await Promise.all(names.map(async name => readPart(await clip.read(name)).payload))
    const at = (name: string) => join(world.folder, name)
    await writeFile(at('clip.age'), Buffer.concat(parts))
    await writeFile(at('thumb.age'), readPart(await clip.read('thumb')).payload)
    await writeFile(at('identity'), `${world.household.identities[0]}\n`)
    const age = (file: string, out: string) =>
      promisify(execFile)('age', ['--decrypt', '-i', at('identity'), '-o', at(out), at(file)])
    await age('clip.age', 'clip.mp4')
    await age('thumb.age', 'thumb.jpg')
    expect((await readFile(at('clip.mp4'))).equals(await readFile(ours?.file ?? ''))).toBe(true)
    expect((await readFile(at('thumb.jpg'))).equals(await readFile(ours?.thumbnail ?? ''))).toBe(true)
  } finally {
    await world.close()
  }
})
