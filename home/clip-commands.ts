import { mkdir, readdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { askLine } from '../cli/ask-line.ts'
import { isoTime } from '../cli/iso-time.ts'
import { say } from '../cli/say.ts'
import { shutdownSignal } from '../cli/shutdown.ts'
import { OwnlensError } from '../protocol/errors.ts'
import { disk } from '../storage/disk.ts'
import { clipsAtHub, clipsInFolder, type SealedClip } from './clip-source.ts'
import { listClips, missingNumbers, openClips } from './clips.ts'
import { type Flags, takeNews, withHousehold } from './command.ts'
import { deleteClips } from './delete-clips.ts'
import type { Household, RefusedStatement } from './household.ts'
import {
  clipTable,
  describeNews,
  describeRefusals,
  plainRefusals,
  type SortedRefusals,
  sortRefusals,
} from './say.ts'
import { type News, watchCameras } from './watch.ts'

/** `home list`, `home open`, `home delete`, `home watch`. */
export function clipCommands(add: (name: string, says: string) => Command): void {
  add('list', 'list cameras and clips; nothing is opened')
    .option('--from <folder>', 'sealed clips in a folder instead of the hub')
    .option('--json', 'for programs')
    .action(list)
  add('open', 'open clips to mp4 and jpg')
    .argument('[clips...]', 'clip ids or their first characters; none: all')
    .option('--out <folder>', 'where to', 'clips')
    .option('--from <folder>', 'sealed clips in a folder instead of the hub')
    .option('--json', 'for programs')
    .action(open)
  add('delete', 'delete clips from the hub; what you have opened stays yours')
    .argument('[clips...]', 'clip ids or their first characters')
    .option('--before <time>', 'all that the hub got before this time (ISO 8601)', isoTime)
    .option('--yes', 'do not ask')
    .option('--json', 'for programs')
    .action(remove)
  add('watch', 'tell what the cameras see while it happens')
    .option('--json', 'a line for each message')
    .action(watch)
}

async function list(flags: Flags & { from?: string }): Promise<void> {
  await withHousehold(flags, async (household, ledger) => {
    const { clips: sealed, refused: statements } = await sealedClips(household, flags.from)
    const { listed, refused } = await listClips(household, ledger, sealed)
    const missing = missingNumbers(listed, ledger)
    const sorted = sortRefusals(refused)
    failIfAny(sorted, statements)
    if (flags.json) {
      const cameras = (await household.claims()).map(({ deviceId, epoch }) => ({ deviceId, epoch }))
      const clips = listed.map(({ clip: { read, ...sealed }, ...about }) => ({ ...sealed, ...about }))
      const bad = plainRefusals(refused, statements)
      return say(JSON.stringify({ household: household.id, cameras, clips, missing, refused: bad }))
    }
    say(
      clipTable({
        listed,
        refused: sorted,
        statements,
        missing,
        names: await household.names(),
        claims: await household.claims(),
      }),
    )
  })
}

async function open(wanted: readonly string[], flags: Flags & { out: string; from?: string }): Promise<void> {
  await withHousehold(flags, async (household, ledger) => {
    const { clips: all, refused: statements } = await sealedClips(household, flags.from)
    const chosen = all.filter(
      ({ clipId }) => wanted.length === 0 || wanted.some(start => clipId.startsWith(start)),
    )
    if (chosen.length === 0) throw new OwnlensError('home.nothing', wanted.join(', '))
    const out = resolve(flags.out)
    await mkdir(out, { recursive: true }).catch((cause: unknown) => {
      throw new OwnlensError('home.out', out, { cause })
    })
    const { opened, refused } = await openClips(household, ledger, chosen, out)
    // Whoever asks for a clip by its id is told why it does not open.
    const sorted = wanted.length > 0 ? { closed: 0, bad: refused } : sortRefusals(refused)
    if (flags.json) say(JSON.stringify({ opened, refused: plainRefusals(refused, statements) }))
    else {
      for (const clip of opened)
        say(`${clip.file}${clip.cutShort ? '  (cut short: opened as far as it is proven)' : ''}`)
      for (const line of describeRefusals(sorted, statements)) say(line)
    }
    failIfAny(sorted, statements)
  })
}

async function remove(
  wanted: readonly string[],
  flags: Flags & { before?: Date; yes?: boolean },
): Promise<void> {
  await withHousehold(flags, async household => {
    const { tls } = await takeNews(household)
    const chosen = (await clipsAtHub(household.hub, tls, household.id)).filter(
      ({ clipId, receivedAt }) =>
        wanted.some(start => clipId.startsWith(start)) ||
        (flags.before !== undefined && receivedAt !== undefined && receivedAt < flags.before.toISOString()),
    )
    if (chosen.length === 0) throw new OwnlensError('home.nothing', wanted.join(', '))
    const question = `Delete ${chosen.length} clips from the hub for everybody of this home? [y/N] `
    if (!flags.yes && !/^y/i.test((await askLine(question)) ?? '')) throw new OwnlensError('home.kept')
    const deleted = await deleteClips(
      household,
      chosen.map(({ clipId }) => clipId),
    )
    say(flags.json ? JSON.stringify({ deleted }) : `${deleted} clips were deleted from the hub.`)
  })
}

function failIfAny({ bad }: SortedRefusals, statements: readonly RefusedStatement[]): void {
  if (bad.length + statements.length > 0) process.exitCode = 1
}

async function watch(flags: Flags): Promise<void> {
  await withHousehold(
    flags,
    async (household, ledger) => {
      const signal = shutdownSignal()
      const names = await household.names()
      const tell = (news: News) => {
        if (news.kind === 'listening') process.stderr.write('Listening; end with Ctrl-C.\n')
        else say(describeNews(news, names, flags.json ?? false))
      }
      await watchCameras(household, ledger, tell, { signal })
    },
    'watch',
  )
}

/**
 * The household's sealed clips. From a folder nobody has to be asked; from the hub newer rosters and claims are taken as
 * well. Those that are refused stop nothing.
 */
async function sealedClips(
  household: Household,
  from: string | undefined,
): Promise<{ clips: readonly SealedClip[]; refused: readonly RefusedStatement[] }> {
  if (from !== undefined) {
    const folder = resolve(from)
    const names = await readdir(folder).catch(() => undefined)
    if (names === undefined) throw new OwnlensError('home.from', folder)
    return { clips: await clipsInFolder(disk, folder, household.id), refused: [] }
  }
  const { tls, refused } = await takeNews(household)
  return { clips: await clipsAtHub(household.hub, tls, household.id), refused }
}
