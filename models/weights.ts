import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { OwnlensError } from '../protocol/errors.ts'

/** A file inside an npm package whose content this version was built with. */
export interface Pinned {
  readonly package: string
  readonly path: string
  readonly sha256: string
}

/**
 * Every file that a detector computes with. The hashes are part of the source, so that a registry, a mirror or a
 * damaged card cannot exchange the eyes of a camera.
 */
export const pinned = {
  fullRangeSparse: {
    package: '@mediapipe/face_detection',
    path: 'face_detection_full_range_sparse.tflite',
    sha256: '671dd2f9ed11a78436fc21cc42357a803dfc6f73e9fb86541be942d5716c2dce',
  },
  litertScript: {
    package: '@litertjs/core',
    path: 'wasm/litert_wasm_compat_internal.js',
    sha256: '4d8f894b7883654fd6e8439730aa41e79ceaab7d19184fc4f1f0b0f1a2a2c8a5',
  },
  litertWasm: {
    package: '@litertjs/core',
    path: 'wasm/litert_wasm_compat_internal.wasm',
    sha256: '5255c8ad06eabdbd2522cdebf6b22fc10faf74625c23a49b9e072570cd1fa41c',
  },
  blazefaceGraph: {
    package: '@vladmandic/human',
    path: 'models/blazeface.json',
    sha256: 'cd7bbfc078270572beb39f9e5ae67aadbd50b5e67cff37e6d4f6b3ea39312e5f',
  },
  blazefaceWeights: {
    package: '@vladmandic/human',
    path: 'models/blazeface.bin',
    sha256: 'dc9a97fdc50bc43216554bdd69aa3e7b9361a519ee7bdd996a2f69a98a6f9b72',
  },
  tfjsWasm: {
    package: '@tensorflow/tfjs-backend-wasm',
    path: 'dist/tfjs-backend-wasm-simd.wasm',
    sha256: '77ebb28a6d34f371dbbf2086b7f2de8994acd8ea5a3cf1fa24d2c26c840cac7b',
  },
} as const satisfies Record<string, Pinned>

/** The content of a pinned file. Throws `models.weights` when it is missing or is not the pinned one. */
export async function readPinned(file: Pinned, find: (file: Pinned) => string = pathOf): Promise<Buffer> {
  let content: Buffer
  try {
    content = await readFile(find(file))
  } catch (cause) {
    throw new OwnlensError('models.weights', `${file.package}/${file.path}`, { cause })
  }
  if (createHash('sha256').update(content).digest('hex') !== file.sha256)
    throw new OwnlensError('models.weights', `${file.package}/${file.path} has another SHA-256`)
  return content
}

/** Where npm put the file. Looked for folder by folder, since `exports` of some packages hide their own files. */
export function pathOf(file: Pinned): string {
  const folders = createRequire(import.meta.url).resolve.paths(file.package) ?? []
  for (const folder of folders) {
    const manifest = join(folder, file.package, 'package.json')
    if (existsSync(manifest)) return join(dirname(manifest), file.path)
  }
  throw new Error(`the package ${file.package} is not installed`)
}
