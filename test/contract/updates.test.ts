import { randomBytes } from 'node:crypto'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { hex, sha256 } from '../../protocol/ids.ts'
import { call } from '../support/https-call.ts'
import { codeFrom } from '../support/registrar-desk.ts'
import { startTestHub, type TestHub } from '../support/test-hub.ts'

let at: TestHub
let folder: string
const image = randomBytes(3 * 1024 ** 2).toString('base64')
const get = (path: string, options: Parameters<typeof call>[2] = {}) => call(at.hub.url, path, options)

beforeAll(async () => {
  at = await startTestHub()
  folder = join(at.folder, 'hub', 'updates')
})
afterAll(() => at.close())

test('a camera that is blocked gets its fix, with the certificate that counts no more and with none', async () => {
  expect(await get('/updates/pi/image-1.2.3.bin')).toMatchObject({ status: 404, code: 'hub.absent' })
  await mkdir(join(folder, 'pi'), { recursive: true })
  await writeFile(join(folder, 'pi', 'image-1.2.3.bin'), image)
  const home = await at.home()
  const camera = await at.camera(home)
  const { tls } = await camera.enrol()
  const block = await home.block(1, [[camera.signer, 1]])
  await at.client.request(home.id, { action: 'block', block }, home.root)
  expect(await codeFrom(camera.enrol())).toBe('enrol.blocked')
  for (const options of [{}, { tls }]) {
    const { status, body } = await get('/updates/pi/image-1.2.3.bin', options)
    expect(status).toBe(200)
    expect(hex(sha256(Buffer.from(body)))).toBe(hex(sha256(Buffer.from(image))))
  }
})

test('nothing else leaves: no folder, no hidden file, no link, nothing outside, and all of it looks the same', async () => {
  await mkdir(join(folder, 'pi'), { recursive: true })
  await writeFile(join(folder, 'pi', '.secret'), 'x')
  await symlink(join(at.folder, 'hub', 'registrar.db'), join(folder, 'link'))
  await symlink(join(at.folder, 'hub'), join(folder, 'out'))
  for (const path of [
    ...['', 'pi', 'pi/', 'pi/.secret', 'link', 'out/registrar.db', 'absent', 'pi//image'],
    ...[
      '../registrar.db',
      '..%2fregistrar.db',
      '%2e%2e/registrar.db',
      'pi/../../registrar.db',
      '/etc/passwd',
    ],
    ...['pi/%2e%2e/%2e%2e/registrar.db', 'pi\\..\\..\\registrar.db', 'x'.repeat(300)],
  ])
    expect(await get(`/updates/${path}`), path).toMatchObject({ status: 404, code: 'hub.absent' })
  const posted = await get('/updates/absent', { method: 'POST', body: 'x' })
  expect(posted.code).toBe('hub.request')
})
