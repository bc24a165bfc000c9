import { join } from 'node:path'
import { dataFolder } from '../cli/data-folder.ts'
import { askPassphrase } from '../cli/passphrase.ts'
import { codeOf, type ErrorCode, OwnlensError } from '../protocol/errors.ts'
import type { Signer } from '../protocol/keys.ts'
import { disk } from '../storage/disk.ts'
import { lockFolder } from '../storage/lock.ts'
import type { TlsIdentity } from '../wire/tls.ts'
import { followBlocks } from './blocks.ts'
import { Household, type RefusedStatement } from './household.ts'
import { followLog, warningOfLog } from './hub-log.ts'
import { Ledger } from './ledger.ts'
import { finishPairing } from './pair.ts'

/** What many of the household's commands take. */
export interface Flags {
  readonly data?: string
  readonly json?: boolean
  readonly passphraseFile?: string
}

/** One command at a time, but that listening (`part`) has a ledger and a lock of its own. */
export async function withHousehold(
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
    const warning = await warningOfLog(household.data)
    if (warning !== undefined) process.stderr.write(`\n${warning}`)
  }
}

/** As `withHousehold`, with the root unlocked and what the hub has of newer rosters and claims taken. */
export async function withRoot(
  flags: Flags,
  use: (household: Household, root: Signer, tls: TlsIdentity) => Promise<void>,
): Promise<void> {
  await withHousehold(flags, async household => {
    const passphrase = await askPassphrase('The root key’s passphrase: ', flags.passphraseFile)
    const root = await household.unlockRoot(passphrase)
    const { tls } = await takeNews(household)
    if (root.id !== household.rootId) throw new OwnlensError('home.root_replaced')
    await use(household, root, tls)
  })
}

/** With these a hub shows that its roster is older than this app's: it was restored from a backup. */
const BEHIND: readonly (ErrorCode | undefined)[] = ['roster.old', 'roster.generation']

/**
 * As `takeNews`. A hub that was restored may have lost the newest roster, and then knows neither a root nor a member that came
 * with it: it gets it again, or nobody could do anything there any more.
 */
export async function takeNewsWith(household: Household, root: Signer): Promise<void> {
  const news = await takeNews(household).catch((error: unknown) => {
    if (codeOf(error) !== 'enrol.member') throw error
    return { error }
  })
  if ('refused' in news && !news.refused.some(({ error }) => BEHIND.includes(error.code))) return
  try {
    await household.publishAgain(root)
  } catch (cause) {
    // It was not the hub that is behind: this member is one no more.
    throw 'error' in news ? news.error : cause
  }
  await takeNews(household)
}

/**
 * Takes newer rosters, moves, claims and blocks from the hub, finishes a pairing that was cut off, and follows the hub's log.
 *
 * @returns the identity for further questions, and what was refused; that stops nothing.
 */
export async function takeNews(household: Household) {
  const { tls } = await household.enrol()
  const refused: RefusedStatement[] = [...(await household.refresh(tls))]
  for (const error of await household.refreshClaims(tls)) refused.push({ kind: 'claim', error })
  refused.push(...(await followBlocks(household, tls)))
  const paired = await finishPairing(household, await household.claims())
  if (paired !== undefined)
    process.stderr.write(`The pairing that was cut off is finished: camera ${paired.deviceId} is yours.\n`)
  const trouble = await followLog(household, tls)
  // A lie is told after every command; what may be mended by itself, here.
  if (trouble !== undefined && !/^log\.(back|split|other|kept)$/.test(trouble.code))
    process.stderr.write(`The hub’s log was not followed further: ${trouble.message} (${trouble.code})\n`)
  return { tls, refused }
}
