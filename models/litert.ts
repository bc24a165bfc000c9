import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { compileFunction } from 'node:vm'
import type { CompiledModel, Tensor } from '@litertjs/core'
import type { Net } from './candidate.ts'
import { type Anchors, decode, gridAnchors, NUMBERS_PER_ANCHOR } from './decode.ts'
import { withRows } from './tflite-rows.ts'
import { pathOf, pinned, readPinned } from './weights.ts'

const SIZE = 192
const CELLS = 48
/** Heights of the networks: for frames of 16:9, of 4:3, and for squares. */
const ROWS = [128, 160, SIZE]

interface Network {
  readonly model: CompiledModel
  readonly input: Tensor
  readonly anchors: Anchors
}

/** The little of WebAssembly's types that is needed; Node has them, its type package at this version does not. */
declare namespace WebAssembly {
  interface Imports {
    readonly [module: string]: unknown
  }
  class Module {
    constructor(bytes: Uint8Array)
  }
  class Instance {
    constructor(module: Module, imports: Imports)
  }
}

/**
 * MediaPipe's full-range face detector (the sparse one, Apache-2.0) on LiteRT's WASM build, for a worker thread of its
 * own: LiteRT is written for browsers and wants some of their globals, which nobody else should see.
 *
 * Throws `models.weights`; anything else that it throws is the runtime's.
 */
export async function openLiteRt(): Promise<Net> {
  const [script, wasm, weights] = await Promise.all([
    readPinned(pinned.litertScript),
    readPinned(pinned.litertWasm),
    readPinned(pinned.fullRangeSparse),
  ])
  const module = new WebAssembly.Module(wasm)
  offerBrowserGlobals(script.toString('utf8'), module)
  const { loadLiteRt, Tensor } = await import('@litertjs/core')
  const liteRt = await loadLiteRt('litert.js')
  /** One network for each height, made when it is first needed. */
  const networks = new Map<number, Promise<Network>>()
  return {
    size: SIZE,
    rows: ROWS,
    async run(pixels, minScore, rows = SIZE) {
      const making = networks.get(rows) ?? open(rows)
      networks.set(rows, making)
      const { model, input, anchors } = await making
      write(input, pixels)
      // Tensors live outside the garbage collector: what is not deleted stays for ever (0.64 MB a frame).
      const outputs = await model.run(input)
      try {
        let boxes = new Float32Array()
        let logits = new Float32Array()
        for (const output of outputs) {
          const numbers = output.toTypedArray() as Float32Array<ArrayBuffer>
          if (numbers.length === anchors.length / 2) logits = numbers
          else if (numbers.length === (anchors.length / 2) * NUMBERS_PER_ANCHOR) boxes = numbers
        }
        return decode(boxes, logits, anchors, SIZE, minScore)
      } finally {
        for (const output of outputs) output.delete()
      }
    },
    close() {
      for (const making of networks.values())
        void making.then(({ input, model }) => {
          input.delete()
          model.delete()
        })
    },
  }

  async function open(rows: number): Promise<Network> {
    const bytes = rows === SIZE ? new Uint8Array(weights) : withRows(weights, rows)
    const model = await liteRt.loadAndCompile(bytes, { accelerator: 'wasm' })
    const input = new Tensor(new Float32Array(rows * SIZE * 3), [1, rows, SIZE, 3])
    const all = gridAnchors([{ cells: CELLS, each: 1 }])
    const above = ((SIZE - rows) / 2 / SIZE) * CELLS * CELLS * 2
    return { model, input, anchors: all.subarray(above, all.length - above) }
  }

  /** Puts the pixels into the one input tensor: a new one for each picture would fragment the WASM heap. */
  function write(input: Tensor, pixels: Float32Array): void {
    const { liteRtWasm } = liteRt
    const buffer = input.liteRtTensorBuffer
    const at = buffer.lock(liteRtWasm.LiteRtTensorBufferLockMode.WRITE)
    try {
      liteRtWasm.HEAPU8.set(new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength), at)
    } finally {
      buffer.unlock()
    }
  }
}

/** What `@litertjs/core` expects of a web worker: its script is given as already loaded, its WASM as compiled. */
function offerBrowserGlobals(script: string, module: WebAssembly.Module): void {
  const file = pathOf(pinned.litertScript)
  const load = compileFunction(`${script}\nreturn ModuleFactory`, ['require', '__filename', '__dirname'], {
    filename: file,
  })
  Object.assign(globalThis, {
    self: globalThis,
    importScripts: () => undefined,
    ModuleFactory: load(createRequire(file), file, dirname(file)),
    Module: {
      instantiateWasm: (
        imports: WebAssembly.Imports,
        done: (instance: WebAssembly.Instance, module: WebAssembly.Module) => void,
      ) => done(new WebAssembly.Instance(module, imports), module),
    },
  })
}
