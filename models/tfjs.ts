import { loadGraphModel } from '@tensorflow/tfjs-converter'
import * as tf from '@tensorflow/tfjs-core'
import type { Net } from './candidate.ts'
import { decode, gridAnchors, NUMBERS_PER_ANCHOR } from './decode.ts'
import { pinned, readPinned } from './weights.ts'

const SIZE = 256
/** Two anchors in each of 16x16 cells, then six in each of 8x8. */
const COARSE = 8 * 8 * 6
const FINE = 16 * 16 * 2

/**
 * Blazeface with the weights of `@vladmandic/human` (MIT) on TensorFlow.js: on tfjs-node where it is installed and its
 * native library loads, else on the WASM backend. For a worker thread of its own.
 *
 * Throws `models.weights`; anything else that it throws is the runtime's.
 */
export async function openTfjs(): Promise<{ net: Net; name: string }> {
  const backend = (await nativeBackend()) ?? (await wasmBackend())
  const graph = JSON.parse((await readPinned(pinned.blazefaceGraph)).toString('utf8'))
  const weights = await readPinned(pinned.blazefaceWeights)
  const model = await loadGraphModel({
    load: async () => ({
      modelTopology: graph.modelTopology,
      weightSpecs: graph.weightsManifest[0].weights,
      weightData: weights.buffer.slice(
        weights.byteOffset,
        weights.byteOffset + weights.length,
      ) as ArrayBuffer,
    }),
  })
  const anchors = gridAnchors([
    { cells: 16, each: 2 },
    { cells: 8, each: 6 },
  ])
  const net: Net = {
    size: SIZE,
    rows: [SIZE],
    async run(pixels, minScore) {
      const input = tf.tensor(pixels, [1, SIZE, SIZE, 3])
      const outputs = model.execute(input) as tf.Tensor[]
      try {
        const bySize = new Map<number, Float32Array>()
        for (const output of outputs) bySize.set(output.size, (await output.data()) as Float32Array)
        const joined = (each: number) => {
          const all = new Float32Array((FINE + COARSE) * each)
          all.set(bySize.get(FINE * each) ?? [])
          all.set(bySize.get(COARSE * each) ?? [], FINE * each)
          return all
        }
        return decode(joined(NUMBERS_PER_ANCHOR), joined(1), anchors, SIZE, minScore)
      } finally {
        tf.dispose([input, ...outputs])
      }
    },
    close: () => model.dispose(),
  }
  return { net, name: `tfjs-${backend}` }
}

/** Undefined where tfjs-node is not installed or its native library does not load. */
async function nativeBackend(): Promise<string | undefined> {
  // A name that the compiler does not look up: the package is optional.
  const optional: string = '@tensorflow/tfjs-node'
  try {
    await import(optional)
    return (await tf.setBackend('tensorflow')) ? 'node' : undefined
  } catch {
    return undefined
  }
}

async function wasmBackend(): Promise<string> {
  await readPinned(pinned.tfjsWasm)
  const wasm = await import('@tensorflow/tfjs-backend-wasm')
  wasm.setThreadsCount(1)
  if (!(await tf.setBackend('wasm'))) throw new Error('the WASM backend does not start')
  return 'wasm'
}
