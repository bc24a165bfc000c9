import { mkdir, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readLabelledFolder } from '../../models/eval-folder.ts'
import { codeOf } from '../../protocol/errors.ts'
import { temporaryFolder } from '../support/places.ts'

let folder: string
let remove: () => Promise<void>

beforeEach(async () => {
  const made = await temporaryFolder()
  folder = made.path
  remove = made.remove
})

afterEach(() => remove())

async function put(name: string, content: string | Uint8Array): Promise<void> {
  await mkdir(join(folder, name, '..'), { recursive: true })
  await writeFile(join(folder, name), content)
}

const box = (left: number) => `<box top='10' left='${left}' width='40' height='40'/>`
const image = (file: string, ...boxes: string[]) => `<image file='${file}'>${boxes.join('')}</image>`
const dataset = (...images: string[]) =>
  `<?xml version='1.0' encoding='ISO-8859-1'?><dataset><images>${images.join('')}</images></dataset>`

const failure = () => readLabelledFolder(folder).catch(codeOf)

test('every file of labels counts, pictures in folders below too, other files do not', async () => {
  await put('a.jpg', '')
  await put('below/b.jpg', '')
  await put('one.xml', dataset(image('a.jpg', box(10))))
  await put('TWO.XML', dataset(image('below/b.jpg', box(10), box(90))))
  await put('below/three.xml', 'not read')
  await put('labels.xsl', 'not read')
  const pictures = await readLabelledFolder(folder)
  expect(pictures.map(({ path, labels }) => [path, labels.length])).toEqual([
    [join(folder, 'below/b.jpg'), 2],
    [join(folder, 'a.jpg'), 1],
  ])
})

test('a picture in two files comes once; a face that both label is one', async () => {
  await put('a.jpg', '')
  await put('one.xml', dataset(image('a.jpg', box(10), box(90))))
  await put('two.xml', dataset(image('./a.jpg', box(12), box(170))))
  const [picture, ...more] = await readLabelledFolder(folder)
  expect(more).toEqual([])
  expect(picture?.labels.map(({ left }) => left)).toEqual([10, 90, 170])
})

test('names in UTF-8, which imglab calls ISO-8859-1, and in ISO-8859-1', async () => {
  await put('é.jpg', '')
  await put('one.xml', dataset(image('é.jpg')))
  await put('two.xml', Buffer.from(dataset(image('é.jpg')), 'latin1'))
  expect((await readLabelledFolder(folder)).map(({ file }) => file)).toEqual(['é.jpg'])
})

test('no folder', async () => {
  await put('file.txt', '')
  await expect(readLabelledFolder(join(folder, 'none'))).rejects.toMatchObject({ code: 'eval.folder' })
  await expect(readLabelledFolder(join(folder, 'file.txt'))).rejects.toMatchObject({ code: 'eval.folder' })
})

test('no labels', async () => {
  await put('a.jpg', '')
  expect(await failure()).toBe('eval.labels')
  await put('empty.xml', dataset())
  expect(await failure()).toBe('eval.labels')
})

test('labels that cannot be read', async () => {
  await put('bad.xml', '<dataset>')
  expect(await failure()).toBe('eval.xml')
  // A hole of 65 MiB: nothing that a person labelled.
  await truncate(join(folder, 'bad.xml'), 65 << 20)
  await expect(readLabelledFolder(folder)).rejects.toThrow(/larger than 64 MiB/)
  expect(await failure()).toBe('eval.xml')
})

test('pictures that are not there are named', async () => {
  await put('one.xml', dataset(image('a.jpg'), image('b.jpg'), image('c.jpg')))
  await put('b.jpg', '')
  await expect(readLabelledFolder(folder)).rejects.toThrow(/a\.jpg and 1 more/)
  expect(await failure()).toBe('eval.image')
})
