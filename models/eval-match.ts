import type { Face, RgbImage } from '../protocol/image.ts'
import type { Label } from './eval-labels.ts'

/** How the boxes that were found in one picture compare with its labels. */
export interface Match {
  /** Labels to be found. */
  readonly faces: number
  readonly found: number
  /** Boxes that no label accounts for. */
  readonly extra: number
}

/**
 * One box for one label, as many pairs as there can be. Boxes on what is labelled to be ignored are not counted.
 */
export function matchFaces(
  labels: readonly Label[],
  faces: readonly Face[],
  picture: Pick<RgbImage, 'width' | 'height'>,
): Match {
  const boxes = faces.map(({ box: [x, y, width, height] }) => ({
    left: x * picture.width,
    top: y * picture.height,
    width: width * picture.width,
    height: height * picture.height,
  }))
  const wanted = labels.filter(({ ignore }) => !ignore)
  const ignored = labels.filter(({ ignore }) => ignore)
  const labelOf = new Map<Rectangle, Label>()
  const found = wanted.filter(label => assign(label, boxes, labelOf, new Set())).length
  const extra = boxes.filter(
    box => !labelOf.has(box) && !ignored.some(label => fits(label, box) || holds(label, box)),
  )
  return { faces: wanted.length, found, extra: extra.length }
}

type Rectangle = Pick<Label, 'top' | 'left' | 'width' | 'height'>

/** The label's centre lies in the box, and neither side is less than 0.4 or more than 2.5 times the label's. */
export function fits(label: Rectangle, box: Rectangle): boolean {
  const alike = (side: number, labelled: number) => side >= 0.4 * labelled && side <= 2.5 * labelled
  return holds(box, label) && alike(box.width, label.width) && alike(box.height, label.height)
}

/** Whether `outer` holds the centre of `inner`. */
function holds(outer: Rectangle, inner: Rectangle): boolean {
  const x = inner.left + inner.width / 2 - outer.left
  const y = inner.top + inner.height / 2 - outer.top
  return x >= 0 && x <= outer.width && y >= 0 && y <= outer.height
}

/** Finds a box for the label, moving other labels to other boxes where that helps (Kuhn's augmenting paths). */
function assign(
  label: Label,
  boxes: readonly Rectangle[],
  labelOf: Map<Rectangle, Label>,
  tried: Set<Rectangle>,
): boolean {
  for (const box of boxes) {
    if (tried.has(box) || !fits(label, box)) continue
    tried.add(box)
    const holder = labelOf.get(box)
    if (holder === undefined || assign(holder, boxes, labelOf, tried)) {
      labelOf.set(box, label)
      return true
    }
  }
  return false
}
