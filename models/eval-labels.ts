import { XMLParser, XMLValidator } from 'fast-xml-parser'
import { z } from 'zod'
import { OwnlensError } from '../protocol/errors.ts'

/** A labelled rectangle in pixels of the picture. `top` and `left` may be negative: a face at the edge is cut off. */
export interface Label {
  readonly top: number
  readonly left: number
  readonly width: number
  readonly height: number
  /** Need not be found, and is no extra box when it is. */
  readonly ignore: boolean
}

/** What a file of labels says about one picture. `file` as it is written there, relative to the file of labels. */
export interface LabelledFile {
  readonly file: string
  /** The picture's size, where the label says it. */
  readonly size: { readonly width: number; readonly height: number } | undefined
  readonly labels: readonly Label[]
}

const number = z
  .string()
  .regex(/^\s*[-+]?\d+(\.\d+)?\s*$/, 'is no number')
  .transform(Number)
const flag = z
  .string()
  .optional()
  .transform(text => text !== undefined && !['', '0', 'false'].includes(text.trim()))
const boxSchema = z
  .object({ top: number, left: number, width: number, height: number, ignore: flag })
  .refine(({ width, height }) => width > 0 && height > 0, 'a box has no size')
const imageSchema = z.object({
  file: z.string().min(1),
  width: number.optional(),
  height: number.optional(),
  box: z.array(boxSchema).default([]),
})
const imagesSchema = z.object({ image: z.array(imageSchema).default([]) })
const datasetSchema = z.object({
  // An element without content is parsed as an empty text.
  dataset: z.object({ images: z.preprocess(value => (value === '' ? {} : value), imagesSchema) }),
})

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '',
  parseAttributeValue: false,
  parseTagValue: false,
  // A file of labels needs none, and a few lines of them can grow to gigabytes.
  processEntities: false,
  isArray: name => name === 'image' || name === 'box',
})

/**
 * Reads dlib's image metadata, as its imglab writes it. More than is asked for (parts, names, other attributes) is passed
 * over.
 *
 * @param name the file's name, for the error.
 * @throws OwnlensError `eval.xml`.
 */
export function parseLabels(text: string, name: string): LabelledFile[] {
  const valid = XMLValidator.validate(text)
  if (valid !== true) throw new OwnlensError('eval.xml', `${name}, line ${valid.err.line}: ${valid.err.msg}`)
  let parsed: unknown
  try {
    parsed = parser.parse(text)
  } catch (cause) {
    throw new OwnlensError('eval.xml', `${name}: ${(cause as Error).message}`, { cause })
  }
  const read = datasetSchema.safeParse(parsed)
  if (!read.success) {
    const [issue] = read.error.issues
    throw new OwnlensError('eval.xml', `${name}: ${issue?.path.join('.')}: ${issue?.message}`)
  }
  return read.data.dataset.images.image.map(({ file, width, height, box }) => ({
    file: withCharacters(file),
    size: width === undefined || height === undefined ? undefined : { width, height },
    labels: box,
  }))
}

const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

/** A name with XML's own five entities and character references replaced, once; nothing else is expanded. */
function withCharacters(text: string): string {
  return text.replace(
    /&(?:#(\d{1,7})|#x([\da-f]{1,6})|(amp|lt|gt|quot|apos));/gi,
    (all, decimal, hex, name) => {
      if (name !== undefined) return NAMED[name] ?? all
      const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal)
      return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : all
    },
  )
}
