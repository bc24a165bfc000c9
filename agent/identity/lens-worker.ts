import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parentPort } from 'node:worker_threads'
import { prepareZXingModule, readBarcodes } from 'zxing-wasm/reader'
import type { Sight } from './lens.ts'
import { type Look, lookAt } from './look.ts'

/** To the worker: a picture as a P6 file, which moves over. From the worker: one answer for each, in order. */
export interface LookRequest {
  readonly width: number
  readonly height: number
  readonly file: Uint8Array<ArrayBuffer>
}
export type LookAnswer = Sight

/** The reader of this version of the package; part of the source, so that nobody can exchange a camera's eye. */
const READER_SHA256 = 'e8af31edb56d0522f4de74495839385ef019ba8bc90d38e5ecb2f18795d86fb2'
/** More codes than these need not be told apart. */
const CODES_MAX = 8

const port = parentPort
if (port === null) throw new Error('this file is a worker')

// From the disk: left to itself the library would ask a server for it.
const wasm = await readFile(fileURLToPath(import.meta.resolve('zxing-wasm/reader/zxing_reader.wasm')))
if (createHash('sha256').update(wasm).digest('hex') !== READER_SHA256)
  throw new Error('zxing_reader.wasm has another SHA-256')
await prepareZXingModule({ overrides: { wasmBinary: Uint8Array.from(wasm).buffer }, fireImmediately: true })

/** QR codes alone, turned or inverted as they may be; those that were found but not read as well. */
const look: Look = file =>
  readBarcodes(file, {
    formats: ['QRCodeModel2'],
    textMode: 'Plain',
    tryRotate: false,
    tryDownscale: false,
    returnErrors: true,
    maxNumberOfSymbols: CODES_MAX,
  })

let turn = Promise.resolve()
port.on('message', (request: LookRequest) => {
  turn = turn.then(async () => port.postMessage((await lookAt(request, look)) satisfies LookAnswer))
})
