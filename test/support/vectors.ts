import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Append } from '../vectors/format.ts'
import { ROOT } from './places.ts'

/** The vectors of one file. */
export async function vectors<T>(name: string): Promise<T> {
  return JSON.parse(await readFile(join(ROOT, 'test', 'vectors', `${name}.json`), 'utf8')) as T
}

/** What a vector leaves to be repeated. */
export const appended = (append: Append | undefined): string => append?.text.repeat(append.times) ?? ''
