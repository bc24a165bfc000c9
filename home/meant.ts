/** Fewer characters of an id may be a slip of somebody who meant a name. */
const ID_START = 8

/**
 * The one thing that a person means by its name, its id, or the beginning of that; undefined for none, and for several.
 *
 * @param about id and name of a thing.
 */
export function theOneMeant<T>(
  things: readonly T[],
  nameOrId: string,
  about: (thing: T) => { readonly id: string; readonly name: string | undefined },
): T | undefined {
  const [one, ...others] = things.filter(thing => {
    const { id, name } = about(thing)
    const begins = nameOrId.length >= ID_START && id.startsWith(nameOrId)
    return id === nameOrId || name === nameOrId || begins
  })
  return others.length > 0 ? undefined : one
}
