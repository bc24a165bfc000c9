import { createHash } from 'node:crypto'

/** A number from 0 to 1 (1 excluded) that seed and name alone decide: whoever asks in which order gets the same. */
export function chance(seed: number, ...names: readonly (string | number)[]): number {
  const digest = createHash('sha256')
    .update(JSON.stringify([seed, ...names]))
    .digest()
  return digest.readUIntBE(0, 6) / 2 ** 48
}
