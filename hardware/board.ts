import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { base32, ID_PATTERN, sha256 } from '../protocol/ids.ts'

/**
 * What a board says of itself, strongest first. `given` is the name of an emulated board. The first four are burnt in or
 * come from the firmware. `card` is the card’s own number, which a copy of it does not have. `machine` lies on the disk and
 * is copied with it: it counts only where a board says nothing else.
 */
const SERIALS = ['given', 'device-tree', 'cpu', 'product', 'baseboard'] as const
const SOURCES = [...SERIALS, 'card', 'machine'] as const
type Source = (typeof SOURCES)[number]

export const marksSchema = z.partialRecord(z.enum(SOURCES), z.string().regex(ID_PATTERN))

/** A hash for each source that could be read: a backup of them tells nobody a serial. */
export type Marks = Readonly<Partial<Record<Source, string>>>

/** How one learns which board this is; asked once at a start. */
export type Board = () => Promise<Marks>

/** What makers write where a serial should be. */
const NO_SERIAL =
  /^(0+|f+|[-0f]+|none|n\/a|unknown|default string|not (specified|applicable|available)|system serial number|to be filled.*|03000200-0400-0500-0006-000700080009)$/i

/** This machine. What cannot be read is left out. @param root for tests: a folder instead of `/`. */
export function thisBoard(root = '/'): Board {
  const text = (path: string) => readFile(join(root, path), 'utf8').catch(() => '')
  return async () => {
    const cpu = /^Serial\s*:\s*(\S+)/m.exec(await text('proc/cpuinfo'))
    return marksOf({
      'device-tree': await text('sys/firmware/devicetree/base/serial-number'),
      cpu: cpu?.[1] ?? '',
      product: await text('sys/class/dmi/id/product_uuid'),
      baseboard: await text('sys/class/dmi/id/board_serial'),
      card: await text('sys/block/mmcblk0/device/cid'),
      machine: await text('etc/machine-id'),
    })
  }
}

/** A board that says of itself what the caller wants: to put a card into another one. */
export function namedBoard(name: string): Board {
  return async () => marksOf({ given: name })
}

function marksOf(said: Partial<Record<Source, string>>): Marks {
  const marks: Partial<Record<Source, string>> = {}
  for (const source of SOURCES) {
    const value = (said[source] ?? '').replaceAll('\0', '').trim()
    if (value === '' || NO_SERIAL.test(value)) continue
    marks[source] = base32(sha256(`ownlens board 1\n${source}\n${value}\n`))
  }
  return marks
}

/**
 * Whether the board that a record names is the one that is seen now. A source that could not be read this time makes no other
 * board of it: `unclear` is what remains when nothing that both have says anything.
 *
 * | what both have | equal | different |
 * | --- | --- | --- |
 * | a serial: the strongest one | same, whatever card | other |
 * | the card’s number | same | other; unclear when one of the two also has a serial |
 * | none of these, but each has a serial of some kind | | other |
 * | the machine’s id | same | other |
 * | a given name on one side only: an emulated board never leaves it out | | other |
 * | nothing | same when nothing was recorded | unclear |
 */
export function compareBoards(recorded: Marks, seen: Marks): 'same' | 'other' | 'unclear' {
  if (Object.keys(recorded).length === 0) return 'same'
  if ((recorded.given === undefined) !== (seen.given === undefined)) return 'other'
  const serial = SERIALS.find(source => recorded[source] !== undefined && seen[source] !== undefined)
  if (serial !== undefined) return recorded[serial] === seen[serial] ? 'same' : 'other'
  const [before, now] = [recorded, seen].map(marks => SERIALS.some(source => marks[source] !== undefined))
  if (recorded.card !== undefined && seen.card !== undefined) {
    if (recorded.card === seen.card) return 'same'
    return before || now ? 'unclear' : 'other'
  }
  if (before && now) return 'other'
  if (recorded.machine !== undefined && seen.machine !== undefined)
    return recorded.machine === seen.machine ? 'same' : 'other'
  return 'unclear'
}
