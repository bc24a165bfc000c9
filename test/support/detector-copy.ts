import { appendFile, cp, mkdir, readdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ROOT } from './places.ts'

/** What is otherwise in a copy of the detectors. */
export interface Changes {
  /** Code that the worker also runs. */
  readonly worker?: string
  /** Files of a package, which has these alone. */
  readonly package?: { readonly name: string; readonly files: Readonly<Record<string, string | Uint8Array>> }
}

type Detectors = typeof import('../../models/detector.ts')

/** The compiled detectors in a folder of their own, over the same packages but for one. */
export async function copyOfDetectors(folder: string, changes: Changes): Promise<Detectors> {
  for (const part of ['models', 'protocol'])
    await cp(join(ROOT, 'dist', part), join(folder, 'dist', part), { recursive: true })
  await writeFile(join(folder, 'package.json'), '{"type":"module"}')
  if (changes.worker !== undefined)
    await appendFile(join(folder, 'dist/models/detect-worker.js'), changes.worker)
  const other = changes.package
  for (const scope of ['@litertjs', '@mediapipe', '@tensorflow', '@vladmandic']) {
    await mkdir(join(folder, 'node_modules', scope), { recursive: true })
    for (const name of await readdir(join(ROOT, 'node_modules', scope)))
      if (`${scope}/${name}` !== other?.name)
        await symlink(join(ROOT, 'node_modules', scope, name), join(folder, 'node_modules', scope, name))
  }
  for (const [path, content] of Object.entries(other?.files ?? {})) {
    const at = join(folder, 'node_modules', other?.name ?? '', path)
    await mkdir(dirname(at), { recursive: true })
    await writeFile(at, content)
  }
  return import(pathToFileURL(join(folder, 'dist/models/detector.js')).href) as Promise<Detectors>
}
