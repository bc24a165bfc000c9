/**
 * A network that only convolves does not care how high its picture is. A camera's frame is wide: in the square that the
 * network was trained on, nearly half of the rows are black, and cost as much as the others.
 */

/** Where the parts that are changed stand in a TensorFlow Lite model (schema.fbs: field numbers in their tables). */
const MODEL = { subgraphs: 2, buffers: 4 }
const SUBGRAPH = { tensors: 0 }
const TENSOR = { shape: 0, type: 1, buffer: 2, signature: 7 }
const BUFFER = { data: 0 }
const INT32 = 2

/**
 * A copy of MediaPipe's full-range detector for `rows` of its 192 rows: the height of every layer, and of the three
 * enlargements, in proportion. Weights stay as they are.
 *
 * @param rows a multiple of 32, the network's coarsest step.
 */
export function withRows(model: Uint8Array, rows: number, all = 192): Uint8Array {
  const copy = Uint8Array.from(model)
  const view = new DataView(copy.buffer)
  const seen = new Set<number>()
  const write = (at: number, value: number) => {
    if (!seen.has(at)) view.setInt32(at, value, true)
    seen.add(at)
  }
  const read = (at: number) => view.getInt32(at, true)
  /** Layers stand at 192, 96, 48, 24, 12 or 6 rows; padded by one above and below, at two more. */
  const lower = (height: number) => {
    const padding = height % 6
    return ((height - padding) * rows) / all + padding
  }
  const root = follow(view, 0)
  const buffers = vector(view, root, MODEL.buffers)
  const graph = follow(view, vector(view, root, MODEL.subgraphs).at)
  const tensors = vector(view, graph, SUBGRAPH.tensors)
  for (let index = 0; index < tensors.length; index++) {
    const tensor = follow(view, tensors.at + index * 4)
    for (const name of [TENSOR.shape, TENSOR.signature]) {
      const { at, length } = vector(view, tensor, name)
      const [batch, height, width] = [0, 4, 8].map(offset => (length > 2 ? read(at + offset) : 0))
      if (batch !== 1 || height === undefined) continue
      // A layer's picture; kernels are smaller than the smallest of them.
      if (length === 4 && height === width && height >= 6) write(at + 4, lower(height))
      // The answer, one row an anchor.
      if (length === 3) write(at + 4, (height * rows) / all)
    }
    const type = field(view, tensor, TENSOR.type)
    if (type === 0 || view.getInt8(type) !== INT32) continue
    const buffer = field(view, tensor, TENSOR.buffer)
    const data = vector(view, follow(view, buffers.at + 4 * (buffer === 0 ? 0 : read(buffer))), BUFFER.data)
    // The size to enlarge to: height and width.
    if (data.length === 8 && read(data.at) === read(data.at + 4)) write(data.at, lower(read(data.at)))
  }
  return copy
}

/** Position that the offset at `at` points to. */
function follow(view: DataView, at: number): number {
  return at + view.getUint32(at, true)
}

/** Where a table's field stands; 0 when it has none. */
function field(view: DataView, table: number, number: number): number {
  const fields = table - view.getInt32(table, true)
  const entry = 4 + 2 * number
  if (entry >= view.getUint16(fields, true)) return 0
  const offset = view.getUint16(fields + entry, true)
  return offset === 0 ? 0 : table + offset
}

/** A table's vector: where its first element stands, and how many there are. */
function vector(view: DataView, table: number, number: number): { at: number; length: number } {
  const at = field(view, table, number)
  if (at === 0) return { at: 0, length: 0 }
  const start = follow(view, at)
  return { at: start + 4, length: view.getUint32(start, true) }
}
