import type { Command } from 'commander'
import { Option } from 'commander'
import { dataFolder } from '../cli/data-folder.ts'
import { askPassphrase } from '../cli/passphrase.ts'
import { say } from '../cli/say.ts'
import { disk } from '../storage/disk.ts'
import { lockFolder } from '../storage/lock.ts'
import { readHubAddress } from '../wire/hub-address.ts'
import { askWords } from './ask.ts'
import { type Flags, takeNews } from './command.ts'
import { foundHousehold } from './found.ts'
import { recoverHousehold } from './recover.ts'

/** How a machine comes to hold a household's root: made here, or brought back with the recovery words. */
export function startCommands(addWithRoot: (name: string, says: string) => Command): void {
  addWithRoot('init', 'make a household and register it at a hub')
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
  addWithRoot('recover', 'the root key is lost or stolen: replace it with the 24 recovery words')
    .requiredOption('--hub <address>', 'where the household is: https://host:port#fingerprint')
    .option('--keep <members...>', 'all, none, or ids of the members who stay', ['none'])
    .option('--member-name <name>', 'your own', 'Owner')
    .action(recover)
}

async function init(
  flags: Flags & { hub: string; code: string; suite: 'hybrid' | 'x25519'; name: string; memberName: string },
): Promise<void> {
  const folder = dataFolder('home', flags.data)
  const hub = readHubAddress(flags.hub)
  const question = 'A passphrase for the root key: '
  const passphrase = await askPassphrase(question, flags.passphraseFile, { twice: true })
  const { code, suite, name, memberName } = flags
  const unlockData = lockFolder(folder)
  try {
    const options = { disk, folder, hub, code, passphrase, suite, name, memberName, showWords }
    const household = await foundHousehold(options)
    say(`\nHousehold ${household.id} is registered. Its keys are in ${folder}.`)
    say('Next: start a camera and pair it with `ownlens home pair --name Hall`.')
  } finally {
    unlockData()
  }
}

async function recover(flags: Flags & { hub: string; keep: string[]; memberName: string }): Promise<void> {
  const folder = dataFolder('home', flags.data)
  const hub = readHubAddress(flags.hub)
  const [first = 'none', ...more] = flags.keep
  const keep = (first === 'all' || first === 'none') && more.length === 0 ? first : flags.keep
  const words = await askWords()
  const question = 'A passphrase for the new root key: '
  const passphrase = await askPassphrase(question, flags.passphraseFile, { twice: true })
  const unlockData = lockFolder(folder)
  try {
    const { memberName } = flags
    const recovered = await recoverHousehold({
      ...{ disk, folder, hub, words, passphrase, keep, memberName, showWords },
    })
    const { household, kept, dropped } = recovered
    if (recovered.resumed) say('An earlier try is finished: the words that it showed hold.')
    say(`\nHousehold ${household.id} has a new root. Its keys are in ${folder}; the old ones count no more.`)
    say('The words that you gave are used up.')
    for (const id of kept) say(`  stays:   ${id}`)
    for (const id of dropped) say(`  dropped: ${id}`)
    if (dropped.length > 0)
      say(
        'Dropped members open nothing that cameras seal from now on; invite them again with `ownlens home members invite`.',
      )
    const { refused } = await takeNews(household)
    for (const { kind, error } of refused)
      say(`A ${kind} of the hub refused: ${error.message} (${error.code})`)
    say(`${(await household.claims()).length} claims of this home’s cameras were found at the hub.`)
  } finally {
    unlockData()
  }
}

function showWords(words: string): void {
  say(
    '\nThese 24 words are the only way back if the root key is lost or stolen. Write them down; they are kept nowhere:\n',
  )
  say(words)
}
