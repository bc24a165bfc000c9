import type { Command } from 'commander'
import { say } from '../cli/say.ts'
import { readHubAddress } from '../wire/hub-address.ts'
import { reportCameras } from './camera-reports.ts'
import { findCamera, type HomeCamera } from './cameras.ts'
import { type Flags, takeNews, withHousehold, withRoot } from './command.ts'
import type { Household } from './household.ts'
import { moveHousehold } from './move.ts'
import { blockCamera, releaseCamera } from './orders.ts'
import { describeRefusals, NO_CLIPS, plainRefusals } from './say.ts'
import { describeCameras, stateIn } from './say-cameras.ts'

/** What the owner orders about cameras that are paired, and what is known of them. */
export function cameraCommands(
  add: (name: string, says: string) => Command,
  addWithRoot: (name: string, says: string) => Command,
): void {
  add('cameras', 'each camera: its state, what happened to it and what to do, who can open what it records')
    .option('--json', 'for programs')
    .action(cameras)
  addWithRoot('release', 'let a camera go: whoever holds it may pair it; its clips stay yours')
    .argument('<camera>', 'name or id')
    .action((wanted: string, flags: Flags) =>
      withRoot(flags, async (household, root) => {
        const camera = await findCamera(household, wanted)
        await releaseCamera(household, root, camera)
        say(`${called(camera)} is released. It forgets this home when it next reaches the hub.`)
      }),
    )
  addWithRoot('confirm', 'a camera that is held goes on: you restored its card from a backup yourself')
    .argument('<camera>', 'name or id')
    .action((wanted: string, flags: Flags) =>
      withRoot(flags, async (household, root) => {
        const camera = await findCamera(household, wanted)
        const { deviceId } = camera
        await household.hub.request(household.id, { action: 'confirm', deviceId }, root)
        say(`${called(camera)} goes on.`)
      }),
    )
  addWithRoot('object', 'a camera that was reset without you stays yours')
    .argument('<camera>', 'name or id')
    .action((wanted: string, flags: Flags) =>
      withRoot(flags, async (household, root) => {
        const camera = await findCamera(household, wanted)
        const { deviceId } = camera
        const { until } = await household.hub.request(household.id, { action: 'object', deviceId }, root)
        say(`Nobody else can pair ${called(camera)} until ${until}. Object again if it is not back by then.`)
      }),
    )
  for (const blocked of [true, false])
    addWithRoot(
      blocked ? 'block' : 'unblock',
      blocked ? 'a camera reaches nobody any more, at once' : 'lift a block',
    )
      .argument('<camera>', 'name or id')
      .action((wanted: string, flags: Flags) =>
        withRoot(flags, async (household, root) => {
          const camera = await findCamera(household, wanted)
          await blockCamera(household, root, camera, blocked)
          for (const line of blocked ? BLOCKED : LIFTED) say(line.replaceAll('CAMERA', called(camera)))
        }),
      )
  addWithRoot('move', 'tell cameras and apps where the hub is from now on')
    .requiredOption('--hub <address>', 'the new one, as `ownlens hub` printed it')
    .option('--code <code>', 'the registration code of a hub that is new to this household')
    .action((flags: Flags & { hub: string; code?: string }) =>
      withRoot(flags, async (household, root) => {
        const to = readHubAddress(flags.hub)
        const untold = await moveHousehold(household, root, to, flags.code)
        say(`This household is at ${to.url} from now on. Cameras and apps follow by themselves.`)
        if (untold !== undefined)
          say(
            `The old hub could not be told (${untold.code}). Cameras that only know that one: \`ownlens home repair\`.`,
          )
      }),
    )
}

const BLOCKED = [
  'CAMERA is blocked. It reaches nobody any more; what it records stays sealed on it.',
  'Clips from before still open. What it made since then is refused until you lift the block:',
  '  ownlens home unblock "CAMERA"',
]
const LIFTED = [
  'CAMERA is blocked no more. It sends by itself, within two minutes, what it recorded meanwhile.',
]

const called = ({ name, deviceId }: HomeCamera): string => name ?? deviceId

async function cameras(flags: Flags): Promise<void> {
  await withHousehold(flags, async household => {
    const { tls, refused: news } = await takeNews(household)
    const { reports, refused: statuses } = await reportCameras(household, tls)
    const refused = [...news, ...statuses]
    if (refused.length > 0) process.exitCode = 1
    if (flags.json) return say(JSON.stringify(plain(household, reports, refused)))
    const names = await household.names()
    for (const line of describeCameras(reports, names, household.roster.number)) say(line)
    for (const line of describeRefusals(NO_CLIPS, refused)) say(line)
  })
}

function plain(
  household: Household,
  reports: Awaited<ReturnType<typeof reportCameras>>['reports'],
  refused: Parameters<typeof plainRefusals>[1],
): object {
  const cameras = reports.map(report => {
    const { camera, notices, status, stillOpen } = report
    const { deviceId, epoch, name = null } = camera
    const own = { deviceId, epoch, name, state: stateIn(report), notices, stillOpen }
    return { ...own, status: status ?? null }
  })
  return {
    ...{ household: household.id, hub: household.hubAddress, roster: household.roster.number },
    ...{ cameras, refused: plainRefusals([], refused) },
  }
}
