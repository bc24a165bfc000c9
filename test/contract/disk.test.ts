import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { type Disk, disk, listFiles, readText, replaceFile } from '../../storage/disk.ts'
import { FaultDisk } from '../support/faults/fault-disk.ts'
import { temporaryFolder } from '../support/places.ts'

interface Place {
  readonly on: Disk
  readonly folder: string
  remove(): Promise<void>
}

const places: Record<string, () => Promise<Place>> = {
  'the real disk': async () => {
    const { path, remove } = await temporaryFolder()
    return { on: disk, folder: path, remove }
  },
  'the disk with faults, having none (ordered)': async () => faultless('ordered'),
  'the disk with faults, having none (any order)': async () => faultless('any-order'),
}

function faultless(model: 'ordered' | 'any-order'): Place {
  const { disk: on } = FaultDisk.make({ model, folder: '/data' })
  return { on, folder: '/data', remove: async () => undefined }
}

describe.each(Object.entries(places))('%s', (_, open) => {
  let place: Place
  const at = (name: string) => join(place.folder, name)
  const bytes = (text: string) => Buffer.from(text)
  afterEach(() => place.remove())
  const setUp = async () => {
    place = await open()
    return place.on
  }

  test('reads what was written, and nothing where nothing is', async () => {
    const on = await setUp()
    const written = randomBytes(300_000)
    await on.write(at('a'), written)
    expect(Buffer.from((await on.read(at('a'))) ?? []).equals(written)).toBe(true)
    expect(await on.read(at('b'))).toBeUndefined()
    expect(await on.read(at('no/folder'))).toBeUndefined()
    expect(await readText(on, place.folder, 'b')).toBeUndefined()
  })

  test('writing again replaces, shorter ones too; what was handed out stays as it was', async () => {
    const on = await setUp()
    await on.write(at('a'), bytes('a long text'))
    const before = await on.read(at('a'))
    const later = bytes('short')
    await on.write(at('a'), later)
    later.fill(0)
    expect(await readText(on, at('a'))).toBe('short')
    expect(Buffer.from(before ?? []).toString()).toBe('a long text')
    await on.write(at('a'), new Uint8Array())
    expect(await on.info(at('a'))).toMatchObject({ bytes: 0 })
  })

  test('tells size and time', async () => {
    const on = await setUp()
    const from = Date.now() - 2000
    await on.write(at('a'), bytes('12345'))
    const info = await on.info(at('a'))
    expect(info?.bytes).toBe(5)
    expect(info?.writtenAt.getTime()).toBeGreaterThan(from)
    expect(info?.writtenAt.getTime()).toBeLessThan(Date.now() + 2000)
    expect(await on.info(at('b'))).toBeUndefined()
  })

  test('lists names in order, of files and folders', async () => {
    const on = await setUp()
    await on.makeFolder(at('f/c'))
    for (const name of ['b', 'a', 'a.new']) await on.write(at(`f/${name}`), bytes(name))
    expect(await on.list(at('f'))).toEqual(['a', 'a.new', 'b', 'c'])
    expect(await listFiles(on, at('f'))).toEqual(['a', 'b', 'c'])
    expect(await on.list(at('nothing'))).toEqual([])
  })

  test('makes folders, again without an error', async () => {
    const on = await setUp()
    await on.makeFolder(at('a/b/c'))
    await on.makeFolder(at('a/b/c'))
    await on.makeFolder(at('a/b'))
    await on.syncFolder(at('a/b'))
    expect(await on.list(at('a/b'))).toEqual(['c'])
    expect(await on.list(at('a/b/c'))).toEqual([])
  })

  test('renames over a file, and a folder with what is in it', async () => {
    const on = await setUp()
    await on.write(at('a'), bytes('a'))
    await on.write(at('b'), bytes('b'))
    await on.rename(at('a'), at('b'))
    expect(await on.list(place.folder)).toEqual(['b'])
    expect(await readText(on, at('b'))).toBe('a')
    await on.makeFolder(at('f/g'))
    await on.write(at('f/g/x'), bytes('x'))
    await on.rename(at('f/g'), at('h'))
    expect(await readText(on, at('h/x'))).toBe('x')
    expect(await on.list(at('f'))).toEqual([])
    await on.rename(at('h'), at('h'))
    expect(await on.list(at('h'))).toEqual(['x'])
  })

  test('removes a file, a folder with all in it, and what is not there', async () => {
    const on = await setUp()
    await on.makeFolder(at('f/g'))
    for (const name of ['f/a', 'f/g/b', 'c']) await on.write(at(name), bytes(name))
    await on.remove(at('c'))
    await on.remove(at('f'))
    await on.remove(at('f'))
    await on.remove(at('no/folder'))
    expect(await on.list(place.folder)).toEqual([])
  })

  test('replaces whole files and leaves nothing beside them', async () => {
    const on = await setUp()
    await replaceFile(on, at('a'), 'first')
    await replaceFile(on, at('a'), bytes('second'))
    expect(await on.list(place.folder)).toEqual(['a'])
    expect(await readText(on, at('a'))).toBe('second')
  })

  test('refuses with the codes of the system', async () => {
    const on = await setUp()
    await on.write(at('file'), bytes('x'))
    await on.makeFolder(at('folder/in'))
    const code = (expected: string) => ({ code: expected })
    await expect(on.write(at('no/file'), bytes('x'))).rejects.toMatchObject(code('ENOENT'))
    await expect(on.write(at('folder'), bytes('x'))).rejects.toMatchObject(code('EISDIR'))
    await expect(on.write(at('file/x'), bytes('x'))).rejects.toMatchObject(code('ENOTDIR'))
    await expect(on.read(at('folder'))).rejects.toMatchObject(code('EISDIR'))
    await expect(on.list(at('file'))).rejects.toMatchObject(code('ENOTDIR'))
    await expect(on.rename(at('no'), at('x'))).rejects.toMatchObject(code('ENOENT'))
    await expect(on.rename(at('file'), at('no/x'))).rejects.toMatchObject(code('ENOENT'))
    await expect(on.rename(at('file'), at('folder'))).rejects.toMatchObject(code('EISDIR'))
    await expect(on.rename(at('folder'), at('file'))).rejects.toMatchObject(code('ENOTDIR'))
    await on.makeFolder(at('other'))
    await expect(on.rename(at('other'), at('folder'))).rejects.toMatchObject(code('ENOTEMPTY'))
    await expect(on.syncFolder(at('no'))).rejects.toMatchObject(code('ENOENT'))
    await expect(on.makeFolder(at('file'))).rejects.toMatchObject(code('EEXIST'))
    await expect(on.makeFolder(at('file/x'))).rejects.toMatchObject(code('ENOTDIR'))
    expect(await on.list(place.folder)).toEqual(['file', 'folder', 'other'])
  })

  test('tells changes of a folder until the signal', async () => {
    const on = await setUp()
    await on.makeFolder(at('f'))
    const over = new AbortController()
    const seen: string[][] = []
    for await (const _ of on.changes(at('f'), { signal: over.signal })) {
      const names = [...(await on.list(at('f')))]
      seen.push(names)
      if (names.length === 0) await replaceFile(on, at('f/a'), 'a')
      else if (names.includes('a')) await on.rename(at('f/a'), at('f/b'))
      else over.abort()
    }
    expect(seen[0]).toEqual([])
    expect(seen.at(-1)).toEqual(['b'])
    await expect(async () => {
      for await (const _ of on.changes(at('no'), { signal: new AbortController().signal })) break
    }).rejects.toMatchObject({ code: 'ENOENT' })
  })
})
