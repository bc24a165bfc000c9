import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * What must not be readable anywhere: marks of JPEG, MP4 and H.264 that chance does not make in a few hundred megabytes of
 * ciphertext (five bytes and more).
 */
const MARKS: readonly { readonly name: string; readonly bytes: Buffer }[] = [
  { name: 'JPEG (JFIF)', bytes: Buffer.from('ffd8ffe000104a464946', 'hex') },
  { name: 'JPEG (first bytes)', bytes: Buffer.from('ffd8ffe00010', 'hex') },
  { name: 'JPEG (quantisation table)', bytes: Buffer.from('ffd8ffdb0043', 'hex') },
  { name: 'JPEG (Huffman table)', bytes: Buffer.from('ffc401a20000', 'hex') },
  { name: 'MP4 ftyp', bytes: Buffer.from('ftypiso') },
  { name: 'MP4 moof', bytes: Buffer.from('6d6f6f66000000106d666864', 'hex') },
  { name: 'MP4 moov', bytes: Buffer.from('6d6f6f760000006c6d766864', 'hex') },
  { name: 'MP4 handler', bytes: Buffer.from('VideoHandler') },
  { name: 'H.264 SPS', bytes: Buffer.from('0000000167', 'hex') },
  { name: 'H.264 avcC', bytes: Buffer.from('avc1') },
  { name: 'x264', bytes: Buffer.from('x264 - core') },
  { name: 'ffmpeg', bytes: Buffer.from('Lavc5') },
  { name: 'ffmpeg', bytes: Buffer.from('Lavf5') },
]

/** Names of the marks and canary words in these bytes. */
export function marksIn(bytes: Uint8Array, canaries: readonly string[]): readonly string[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const found = MARKS.filter(mark => buffer.includes(mark.bytes)).map(mark => mark.name)
  for (const canary of canaries)
    for (const text of [canary, Buffer.from(canary).toString('base64').slice(0, -4)])
      if (buffer.includes(text) || buffer.includes(Buffer.from(text, 'utf16le')))
        found.push(`canary ${canary}`)
  return found
}

/** All files under a folder with what is readable in them; `skip` names files that may hold it. */
export async function marksUnder(
  folder: string,
  canaries: readonly string[],
  skip: readonly string[] = [],
): Promise<{ files: number; found: readonly string[] }> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const found: string[] = []
  let files = 0
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name)
    if (!entry.isFile() || skip.includes(path)) continue
    const bytes = await readFile(path).catch(() => undefined)
    if (bytes === undefined) continue
    files++
    for (const mark of marksIn(bytes, canaries)) found.push(`${mark} in ${path}`)
  }
  return { files, found }
}
