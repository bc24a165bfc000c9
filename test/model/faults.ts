/** Found within so many steps whatever the seed. `quick`: looked for in every run of the tests, within so many steps of seed 1. */
interface Planted {
  readonly within: number
  readonly quick?: number
}

/**
 * Faults that are planted to see whether the walks find them, and within how many steps they must be found whatever the seed.
 * Each is a switch in the model's own wiring (`world.has`): what is in production stays as it is.
 */
const planted = {
  // The registrar (`faults-hub.ts`).
  'registrar skips compare-and-swap': { within: 40_000 },
  'registrar keeps certificates over a claim': { within: 20_000 },
  'registrar keeps a removed member': { within: 20_000 },
  'registrar lets two certificates of a device count': { within: 20_000 },
  'registrar frees a camera at its reset': { within: 20_000 },
  'registrar forgets objections': { within: 40_000 },
  'registrar forgets blocks': { within: 20_000 },
  'registrar forgets orders with its database': { within: 40_000 },
  'registrar takes any member’s order': { within: 40_000 },
  'registrar never sees a clone': { within: 40_000 },
  'registrar takes a request twice': { within: 20_000, quick: 2000 },
  'registrar takes anybody’s roster': { within: 20_000, quick: 2000 },
  'mailboxes never grow old': { within: 20_000, quick: 2000 },
  'a used mailbox opens again': { within: 20_000, quick: 2000 },
  // The broker.
  'broker ignores the epoch': { within: 40_000 },
  'broker grants every filter': { within: 20_000, quick: 2000 },
  'broker ends no session': { within: 20_000 },
  'broker takes expired certificates': { within: 20_000 },
  // The camera.
  'device skips the root check': { within: 20_000, quick: 2000 },
  'device takes older rosters': { within: 20_000, quick: 2000 },
  'device pins whom the hub names': { within: 20_000 },
  'device believes the registrar’s epoch alone': { within: 40_000 },
  'device forgets to keep the epoch': { within: 20_000, quick: 2000 },
  'device answers another home’s code while owned': { within: 40_000 },
  'device takes any claim': { within: 20_000, quick: 2000 },
  'device believes any release': { within: 20_000 },
  'device uses a number twice': { within: 40_000 },
  'device seals to one more': { within: 20_000 },
  'reset wipes the epoch': { within: 20_000 },
  // The app.
  'app skips the half’s HMAC': { within: 20_000 },
  'app ignores rivals and the short code': { within: 20_000 },
  'app skips the claim’s device': { within: 20_000 },
  'app skips the clip’s number': { within: 40_000 },
  'app takes older rosters': { within: 40_000 },
} satisfies Record<string, Planted>

export type FaultName = keyof typeof planted

export const FAULTS: Readonly<Record<FaultName, Planted>> = planted

export const FAULT_NAMES = Object.keys(FAULTS) as readonly FaultName[]
