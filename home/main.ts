import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { Command, Option } from 'commander'
import { dataFolder } from '../cli/data-folder.ts'
import { shutdownSignal } from '../cli/shutdown.ts'
import { OwnlensError } from '../protocol/errors.ts'
import { heldBackBy } from '../protocol/roster.ts'
import { disk } from '../storage/disk.ts'
import { lockFolder } from '../storage/lock.ts'
import type { HubAddress } from '../wire/hub-client.ts'
import { clipsAtHub, clipsInFolder, type SealedClip } from './clip-source.ts'
import { listClips, missingNumbers, openClips, type RefusedStatement } from './clips.ts'
import { Household } from './household.ts'
import { Ledger } from './ledger.ts'
import { addMember, inviteMember, joinHousehold, removeMember } from './members.ts'
import { pairByFile } from './pair.ts'
import { askPassphrase } from './passphrase.ts'
import { clipTable, describeNews, describeRefusals, memberTable, plainRefusals } from './say.ts'
import { watchCameras } from './watch.ts'

interface Flags {
  readonly data?: string
  readonly json?: boolean
  readonly passphraseFile?: string
}

/** `ownlens home`. */
export function homeCommand(): Command {
  const home = new Command('home').description('The household: its keys, its cameras, its clips.')
  const add = (name: string, says: string) =>
    home.command(name).description(says).option('--data <folder>', 'where the household’s keys are kept')
  const withRoot = (command: Command) =>
    command.option('--passphrase-file <file>', 'the root key’s passphrase, else it is asked for')

  withRoot(add('init', 'make a household and register it at a hub'))
    .requiredOption('--hub <address>', 'as `ownlens hub` printed it: https://host:port#fingerprint')
    .requiredOption('--code <code>', 'the registration code that the hub printed')
    .addOption(
      new Option('--suite <suite>', 'x25519 for apps that cannot read post-quantum files')
        .choices(['hybrid', 'x25519'])
        .default('hybrid'),
    )
    .option('--name <name>', 'of the home', 'Home')
    .option('--member-name <name>', 'your own', 'Owner')
    .action(init)
  withRoot(add('pair', 'pair a camera'))
    .requiredOption(
      '--file <path>',
      'the camera’s DATA/pair folder, or the half.jws in it (emulated cameras)',
    )
    .option('--name <name>', 'what this home calls it', 'Camera')
    .option('--seconds <number>', 'how long to wait for its answer', '60')
    .action(pair)
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
  add('watch', 'tell what the cameras see while it happens')
    .option('--json', 'a line for each message')
    .action(watch)

  const members = home.command('members').description('who belongs to the household')
  const addTo = (name: string, says: string) =>
    members.command(name).description(says).option('--data <folder>', 'where the household’s keys are kept')
  addTo('list', 'list members').option('--json', 'for programs').action(listMembers)
  addTo('invite', 'write an invitation for a new member').argument('<file>').action(invite)
  addTo('join', 'on the new member’s machine: make keys and an answer')
    .argument('<invitation>')
    .argument('<answer>', 'the file to write for the owner')
    .option('--member-name <name>', 'your own', 'Member')
    .action(joinHome)
  withRoot(addTo('add', 'take a new member in')).argument('<answer>').argument('<name>').action(addToRoster)
  withRoot(addTo('remove', 'take a member out')).argument('<name>', 'or id').action(remove)
  return home
}

async function init(
  flags: Flags & { hub: string; code: string; suite: 'hybrid' | 'x25519'; name: string; memberName: string },
): Promise<void> {
  const folder = dataFolder('home', flags.data)
  const hub = readHubAddress(flags.hub)
  const passphrase = await askPassphrase('A passphrase for the root key: ', flags.passphraseFile, {
    twice: true,
  })
  const { code, suite, name, memberName } = flags
  const { household, words } = await Household.create({
    disk,
    folder,
    hub,
    code,
    passphrase,
    suite,
    name,
    memberName,
  })
  say(`Household ${household.id} is registered. Its keys are in ${folder}.`)
  say(
    '\nThese 24 words are the only way back if the root key is lost or stolen. Write them down; they are kept nowhere:\n',
  )
  say(words)
}

async function pair(flags: Flags & { file: string; name: string; seconds: string }): Promise<void> {
  await withHousehold(flags, async household => {
    const root = await unlock(household, flags)
    const onDevice = (deviceId: string) =>
      say(`Camera ${deviceId} introduces itself; waiting for its answer …`)
    const timeoutMs = Math.max(1, Number(flags.seconds) || 60) * 1000
    const { deviceId, epoch } = await pairByFile(household, root, resolve(flags.file), {
      timeoutMs,
      onDevice,
    })
    await household.rename('cameras', deviceId, flags.name)
    say(`Camera ${deviceId} is yours (epoch ${epoch}).`)
  })
}

async function list(flags: Flags & { from?: string }): Promise<void> {
  await withHousehold(flags, async (household, ledger) => {
    const { clips: sealed, refused: statements } = await sealedClips(household, flags.from)
    const { listed, refused } = await listClips(household, ledger, sealed)
    const missing = missingNumbers(listed, ledger)
    if (refused.length + statements.length > 0) process.exitCode = 1
    if (flags.json) {
      const cameras = (await household.claims()).map(({ deviceId, epoch }) => ({ deviceId, epoch }))
      const clips = listed.map(({ clip: { read, ...sealed }, ...about }) => ({ ...sealed, ...about }))
      const bad = plainRefusals(refused, statements)
      return say(JSON.stringify({ household: household.id, cameras, clips, missing, refused: bad }))
    }
    say(
      clipTable({
        listed,
        refused,
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
    await mkdir(out, { recursive: true })
    const { opened, refused } = await openClips(household, ledger, chosen, out)
    if (flags.json) say(JSON.stringify({ opened, refused: plainRefusals(refused, statements) }))
    else {
      for (const clip of opened)
        say(`${clip.file}${clip.cutShort ? '  (cut short: opened as far as it is proven)' : ''}`)
      for (const line of describeRefusals(refused, statements)) say(line)
    }
    if (refused.length + statements.length > 0) process.exitCode = 1
  })
}

async function watch(flags: Flags): Promise<void> {
  await withHousehold(
    flags,
    async (household, ledger) => {
      const signal = shutdownSignal()
      const names = await household.names()
      const onReady = () => process.stderr.write('Listening; end with Ctrl-C.\n')
      await watchCameras(household, ledger, news => say(describeNews(news, names, flags.json ?? false)), {
        signal,
        onReady,
      })
    },
    'watch',
  )
}

async function listMembers(flags: Flags): Promise<void> {
  await withHousehold(flags, async household => {
    await household.refreshRoster((await household.enrol()).tls)
    const members = household.roster.members.map(({ memberId }) => memberId)
    const names = await household.names()
    const held = heldBackBy(household.roster)
    if (flags.json) say(JSON.stringify({ roster: household.roster.number, members, x25519Only: held }))
    else say(memberTable(members, names, held))
  })
}

async function invite(file: string, flags: Flags): Promise<void> {
  await withHousehold(flags, async household => {
    await writeFile(file, inviteMember(household))
    say(`Hand ${file} to the new member. On the other machine: ownlens home members join ${file} answer.json`)
  })
}

async function joinHome(
  invitation: string,
  answer: string,
  flags: Flags & { memberName: string },
): Promise<void> {
  const folder = dataFolder('home', flags.data)
  const text = await joinHousehold(disk, folder, await readFile(invitation, 'utf8'), flags.memberName)
  await writeFile(answer, text)
  say(
    `Your keys are in ${folder}. Hand ${answer} to the owner, who runs: ownlens home members add ${answer} NAME`,
  )
}

async function addToRoster(answer: string, name: string, flags: Flags): Promise<void> {
  await withHousehold(flags, async household => {
    const root = await unlock(household, flags)
    const memberId = await addMember(household, root, await readFile(answer, 'utf8'), name)
    say(`${name} is a member (${memberId}). Cameras seal to ${name} from their next clip on.`)
  })
}

async function remove(nameOrId: string, flags: Flags): Promise<void> {
  await withHousehold(flags, async household => {
    const root = await unlock(household, flags)
    const memberId = await removeMember(household, root, nameOrId)
    say(
      `${memberId} is no member any more. Each camera’s status says from when on it seals without this member.`,
    )
  })
}

/** One command at a time, but that listening (`part`) has a ledger and a lock of its own. */
async function withHousehold(
  flags: Flags,
  use: (household: Household, ledger: Ledger) => Promise<void>,
  part = '',
): Promise<void> {
  const folder = dataFolder('home', flags.data)
  const household = await Household.open(disk, folder)
  const unlockData = lockFolder(join(folder, part))
  try {
    await use(household, await Ledger.open(disk, join(folder, part)))
  } finally {
    unlockData()
  }
}

async function unlock(household: Household, flags: Flags): ReturnType<Household['unlockRoot']> {
  return household.unlockRoot(await askPassphrase('The root key’s passphrase: ', flags.passphraseFile))
}

/**
 * The household's sealed clips. From a folder nobody has to be asked; from the hub newer rosters and claims are taken as
 * well. Those that are refused stop nothing.
 */
async function sealedClips(
  household: Household,
  folder: string | undefined,
): Promise<{ clips: readonly SealedClip[]; refused: readonly RefusedStatement[] }> {
  if (folder !== undefined)
    return { clips: await clipsInFolder(disk, resolve(folder), household.id), refused: [] }
  const { tls } = await household.enrol()
  const roster = await household.refreshRoster(tls)
  const claims = await household.refreshClaims(tls)
  const refused: RefusedStatement[] = claims.map(error => ({ kind: 'claim', error }))
  if (roster !== undefined) refused.unshift({ kind: 'roster', error: roster })
  return { clips: await clipsAtHub(household.hub, tls, household.id), refused }
}

function readHubAddress(text: string): HubAddress {
  const [url = '', caId = ''] = text.split('#')
  if (!/^[a-z2-7]{52}$/.test(caId) || !URL.canParse(url) || new URL(url).origin !== url.replace(/\/$/, ''))
    throw new OwnlensError('home.hub', text)
  return { url: new URL(url).origin, caId }
}

/** What others wrote (a camera's name, a hub's answer) must not move the terminal. */
function say(text: string): void {
  process.stdout.write(`${text.replace(/[^\P{Cc}\n\t]/gu, '\ufffd')}\n`)
}
