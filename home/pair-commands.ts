import type { Command } from 'commander'
import { say } from '../cli/say.ts'
import { shutdownSignal } from '../cli/shutdown.ts'
import type { Signer } from '../protocol/keys.ts'
import { askYes } from './ask.ts'
import { blocksAtHub, restoreBlocks } from './blocks.ts'
import { findCamera } from './cameras.ts'
import { type Flags, withRoot } from './command.ts'
import type { Household } from './household.ts'
import { blockCamera } from './orders.ts'
import { type PairedCamera, type PairingStep, pairThroughLens } from './pair.ts'
import { restoreClaims } from './restore-claims.ts'
import { showCode } from './show-code.ts'

interface PairFlags extends Flags {
  readonly png?: string
  readonly print?: boolean
  readonly name?: string
  readonly yes?: boolean
}

/** `home pair`, `home repair`, `home replace`: all of them hold a code before a lens. */
export function pairCommands(add: (name: string, says: string) => Command): void {
  const withCode = (command: Command) =>
    command
      .option(
        '--png <file>',
        'write the code as a picture, for a phone or another screen; it is removed at the end',
      )
      .option('--print', 'print the code although this is no terminal')
      .option('--yes', 'do not ask whether the camera blinks the same code: for emulated cameras')
  withCode(add('pair', 'pair a camera: hold a code before its lens'))
    .option('--name <name>', 'what this home calls it')
    .action((flags: PairFlags) =>
      withRoot(flags, async (household, root) => {
        await pair(household, root, flags)
      }),
    )
  withCode(add('repair', 'bring a camera of this home back after a fault: name and clips stay'))
    .argument('[camera]', 'name or id; none: whichever of this home’s answers')
    .action((camera: string | undefined, flags: PairFlags) =>
      withRoot(flags, async (household, root, tls) => {
        const restored = await restoreClaims(household, root, household.hub, await household.claimsAtHub(tls))
        await restoreBlocks(household, root, household.hub, await blocksAtHub(household, tls))
        if (restored > 0)
          say(`The hub had lost ${restored} claims of this home’s cameras; it has them again.`)
        const only = camera === undefined ? undefined : (await findCamera(household, camera)).deviceId
        await pair(household, root, flags, { own: true, ...(only !== undefined && { only }) })
      }),
    )
  withCode(add('replace', 'block a camera, then pair another one in its place'))
    .argument('<camera>', 'name or id of the old one')
    .action((camera: string, flags: PairFlags) =>
      withRoot(flags, (household, root) => replace(household, root, camera, flags)),
    )
}

async function pair(
  household: Household,
  root: Signer,
  flags: PairFlags,
  who: { own?: boolean; only?: string } = {},
): Promise<PairedCamera> {
  const signal = shutdownSignal()
  const { name } = flags
  const paired = await pairThroughLens(household, root, {
    signal,
    ...(name !== undefined && { name }),
    ...who,
    show: code => showCode(code, flags),
    tell: step => tell(step, flags),
    async confirm(code, options) {
      const shown = [...code].join(' ')
      if (flags.yes) {
        say(`The code is ${shown}; taken as the camera’s own (--yes).`)
        return true
      }
      say(`The camera’s lamp blinks a code now, again and again. Here it is ${shown}.`)
      return askYes('Does the lamp blink the same? [y/N] ', options)
    },
  })
  const called = (await household.names()).cameras[paired.deviceId] ?? ''
  say(
    paired.repaired
      ? `${called} is repaired: camera ${paired.deviceId}, still epoch ${paired.epoch}.`
      : `${called} is yours: camera ${paired.deviceId}, epoch ${paired.epoch}.`,
  )
  say('`ownlens home watch` tells what it sees, `ownlens home list` its clips.')
  return paired
}

/** The old camera goes dark before the code is shown; its name goes over, never its identity. */
async function replace(household: Household, root: Signer, wanted: string, flags: PairFlags): Promise<void> {
  const old = await findCamera(household, wanted)
  const name = flags.name ?? old.name
  await blockCamera(household, root, old, true)
  say(
    `${old.name ?? old.deviceId} is blocked; \`ownlens home unblock ${old.deviceId.slice(0, 8)}\` lifts that.`,
  )
  const fresh = await pair(household, root, { ...flags, ...(name !== undefined && { name }) })
  if (old.name !== undefined && fresh.deviceId !== old.deviceId)
    await household.rename('cameras', old.deviceId, `${old.name} (replaced)`.slice(0, 64))
}

/** What to do next, in plain words. */
function tell(step: PairingStep, { png }: PairFlags): void {
  if (step.step === 'shown') {
    const where = png === undefined ? 'this code' : `the code (${png})`
    say(`Press the camera’s button if it was paired before; a new one reads codes by itself.`)
    say(`Hold ${where} before its lens, a hand’s width or two away, for at most ten minutes.`)
  } else if (step.step === 'answered') {
    const which = step.known ? 'A camera of this home' : 'A camera'
    say(`${which} has answered: ${step.deviceId}. The code has done its work.`)
  } else if (step.step === 'refused') say(`An answer was refused: ${step.error.message} (${step.error.code})`)
  else say(`${step.error.message} (${step.error.code}) It is asked again.`)
}
