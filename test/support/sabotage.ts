import { execFile } from 'node:child_process'
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { DrillResult } from '../../drill/report.ts'
import { ROOT, temporaryFolder } from './places.ts'

const run = promisify(execFile)

/** A line that prevents something, and the drill that must miss it. */
export interface Sabotage {
  readonly drill: number
  /** What is taken out. */
  readonly line: string
  /** The compiled file, the text in it (exactly once), and what stands there instead. */
  readonly file: string
  readonly text: string
  readonly instead: string
}

export const SABOTAGES: readonly Sabotage[] = [
  {
    drill: 8,
    line: 'compare and swap: a claim counts only on the epoch that stood when its half was made',
    file: 'deploy/hub/claims.js',
    text: 'if (claim.registrarEpoch !== toPass || epoch <= toPass)',
    instead: 'if (false)',
  },
  {
    drill: 6,
    line: 'a camera of another home is claimed only after its release, or 72 hours after a reset',
    file: 'deploy/hub/claims.js',
    text: "throw new OwnlensError('claim.owned', freeAt === null ? undefined : new Date(freeAt).toISOString());",
    instead: '',
  },
  {
    drill: 15,
    line: 'a filter is granted only inside one’s own household',
    file: 'deploy/hub/access.js',
    text: 'return filter.length <= 256 && rightsOf(name).read.some(right => covers(right, filter));',
    instead: 'return true;',
  },
  {
    drill: 17,
    line: 'keys of another board’s card are set aside',
    file: 'hardware/key-store.js',
    text: "verdict === 'other' ? await setAside(this.#disk, this.#data) : interrupted",
    instead: 'interrupted',
  },
  {
    drill: 18,
    line: 'a reset removes the household’s file',
    file: 'agent/identity/wipe.js',
    text: "    'household.json',\n",
    instead: '',
  },
  {
    drill: 16,
    line: 'a mailbox is refused when it is ten minutes old',
    file: 'deploy/hub/mailboxes.js',
    text: "if (until <= this.#now().toISOString())\n            throw new OwnlensError('pair.expired');",
    instead: '',
  },
  {
    drill: 22,
    line: 'a serial that several keys bear is a question to the person',
    file: 'deploy/factory/chosen-keys.js',
    text: 'return new Set(bearers.map(({ serial }) => serial)).size < bearers.length;',
    instead: 'return false;',
  },
  {
    drill: 25,
    line: 'what single signers name in a day is counted by the hub',
    file: 'deploy/hub/maker-blocks.js',
    text: 'if (second === null && (await singlyNamed(db, devices, now)) > SINGLE_MAX)',
    instead: 'if (false)',
  },
  {
    drill: 21,
    line: 'a blocked camera is claimed by nobody',
    file: 'deploy/hub/owners.js',
    text: "if (standing.blocked)\n        return { kind: 'blocked' };",
    instead: '',
  },
  {
    drill: 23,
    line: 'an order counts only with a higher number than the one that stands',
    file: 'deploy/hub/blocks.js',
    text: '(generation === held.generation && number > held.number)',
    instead: 'generation === held.generation',
  },
  {
    drill: 24,
    line: 'an order is about an epoch in which the camera was the household’s',
    file: 'deploy/hub/ownership.js',
    text: 'if (blocked || !(await wasTheirs(this.#db, householdId, deviceId, epoch)))',
    instead: 'if (false)',
  },
  {
    drill: 26,
    line: 'a start that was known before comes again from a second board only',
    file: 'deploy/hub/lines.js',
    text: 'if (seen >= 0 && !isNewest)',
    instead: 'if (false)',
  },
  {
    drill: 27,
    line: 'a log that has fewer entries than before is refused',
    file: 'log/kept-heads.js',
    text: "if (code === 'log.back')\n            return code;",
    instead: "if (code === 'log.back')\n            return undefined;",
  },
  {
    drill: 28,
    line: 'a station counts that the root has announced',
    file: 'deploy/hub/maker-keys.js',
    text: "if (active === undefined)\n        throw new OwnlensError('station.unlogged');",
    instead: '',
  },
  {
    drill: 29,
    line: 'a database that was restored gets its orders back from the journal',
    file: 'deploy/hub/hub.js',
    text: 'await replayOrders(database, journal, { now: now(), makerRootId: options.makerRoot?.id })',
    instead: '0',
  },
  {
    drill: 30,
    line: 'a proof holds every word that the hub’s answer names',
    file: 'wire/report-proof.js',
    text: 'if (named.some(one => !held.includes(one)))',
    instead: 'if (false)',
  },
]

/** Plays the drill with this line taken out of a copy of the compiled code. */
export async function playWithout({ drill, file, text, instead }: Sabotage): Promise<DrillResult> {
  const { path: folder, remove } = await temporaryFolder()
  try {
    await cp(join(ROOT, 'dist'), join(folder, 'dist'), { recursive: true })
    for (const name of ['node_modules', 'package.json', 'hardware'])
      await symlink(join(ROOT, name), join(folder, name))
    const place = join(folder, 'dist', file)
    const code = await readFile(place, 'utf8')
    if (code.split(text).length !== 2) throw new Error(`${file} does not have exactly one: ${text}`)
    await writeFile(
      place,
      code.replace(text, () => instead),
    )
    await mkdir(join(folder, 'tmp'))
    const command = [join(folder, 'dist', 'ownlens.js'), 'drill', '--only', String(drill), '--json']
    const { stdout } = await run(process.execPath, command, {
      env: { ...process.env, TMPDIR: join(folder, 'tmp') },
    }).catch((error: { stdout: string }) => error)
    const { drills } = JSON.parse(stdout) as { drills: DrillResult[] }
    const [result] = drills
    if (result === undefined) throw new Error('no drill')
    return result
  } finally {
    await remove()
  }
}
