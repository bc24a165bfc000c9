import { existsSync } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { OwnlensError } from '../protocol/errors.ts'
import { type Label, type LabelledFile, parseLabels } from './eval-labels.ts'
import { overlap } from './nms.ts'

/** A picture on the disk and what is labelled in it. */
export interface LabelledPicture extends LabelledFile {
  /** Absolute. */
  readonly path: string
}

/** A file of labels may be this large: those of 7,000 faces with all their points have 46 MB. */
const MAX_BYTES = 64 * 1024 * 1024

/**
 * All pictures that the folder's files of labels (every `*.xml` in it, not in folders below) name. A picture that
 * several files name comes once, with the boxes of all; what two files label counts once.
 *
 * @throws OwnlensError `eval.folder`, `eval.labels`, `eval.xml`, `eval.image`.
 */
export async function readLabelledFolder(folder: string): Promise<LabelledPicture[]> {
  const pictures = new Map<string, LabelledPicture>()
  for (const name of await labelFiles(folder))
    for (const { file, size, labels } of parseLabels(await readText(join(folder, name)), name)) {
      const path = resolve(folder, file)
      const known = pictures.get(path)
      const all = known === undefined ? labels : [...known.labels, ...labels.filter(isNewTo(known.labels))]
      pictures.set(path, { file, path, size: known?.size ?? size, labels: all })
    }
  if (pictures.size === 0) throw new OwnlensError('eval.labels', `${folder}: no picture is named`)
  const missing = [...pictures.values()].filter(({ path }) => !existsSync(path))
  if (missing.length > 0) {
    const more = missing.length === 1 ? '' : ` and ${missing.length - 1} more`
    throw new OwnlensError('eval.image', `${missing[0]?.file}${more}: no such file`)
  }
  return [...pictures.values()]
}

async function labelFiles(folder: string): Promise<string[]> {
  let entries: string[]
  try {
    entries = await readdir(folder)
  } catch (cause) {
    throw new OwnlensError('eval.folder', folder, { cause })
  }
  const names = entries.filter(name => name.toLowerCase().endsWith('.xml')).sort()
  if (names.length === 0) throw new OwnlensError('eval.labels', folder)
  return names
}

async function readText(path: string): Promise<string> {
  try {
    const { size } = await stat(path)
    if (size > MAX_BYTES) throw new Error(`larger than ${MAX_BYTES >> 20} MiB`)
    return asText(await readFile(path))
  } catch (cause) {
    throw new OwnlensError('eval.xml', `${path}: ${(cause as Error).message}`, { cause })
  }
}

/** imglab writes ISO-8859-1 above every file, and names as the disk has them, which is UTF-8 nearly everywhere. */
function asText(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return new TextDecoder('iso-8859-1').decode(bytes)
  }
}

/** Two files that label the same face rarely agree to the pixel. */
function isNewTo(labels: readonly Label[]): (label: Label) => boolean {
  return label => !labels.some(known => overlap(middled(known), middled(label)) > 0.5)
}

function middled({ top, left, width, height }: Label) {
  return { x: left + width / 2, y: top + height / 2, width, height }
}
