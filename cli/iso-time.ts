import { InvalidArgumentError } from 'commander'

/** An option's value as a time: ISO 8601, or whatever else `Date` reads. */
export function isoTime(text: string): Date {
  const at = new Date(text)
  if (Number.isNaN(at.getTime()))
    throw new InvalidArgumentError('a time is wanted, e.g. 2026-11-24T22:45:00Z')
  return at
}
