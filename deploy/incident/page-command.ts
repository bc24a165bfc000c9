import { join, resolve } from 'node:path'
import { InvalidArgumentError } from 'commander'
import { dataFolder } from '../../cli/data-folder.ts'
import { say } from '../../cli/say.ts'
import { OwnlensError } from '../../protocol/errors.ts'
import { disk } from '../../storage/disk.ts'
import { operatorOf } from '../../wire/operator.ts'
import { openCase } from './case.ts'
import { copyLog, writeRecords } from './disclosure.ts'
import { type Draft, draftPage, draftText } from './draft.ts'
import { draftFacts } from './draft-facts.ts'
import { authorityGerman, peopleGerman } from './drafts-de.ts'
import { authorityEnglish, peopleEnglish } from './drafts-en.ts'
import { incidentPage } from './page.ts'
import { findChromium, printPdf } from './pdf.ts'
import { searchFleet } from './search.ts'
import { type Story, storyOf } from './story.ts'

export interface PageFlags {
  readonly hubData?: string
  readonly out: string
  readonly name?: ReadonlyMap<string, string>
  readonly controller?: string
  readonly contact?: string
  readonly makerRoot?: string
  readonly json?: boolean
}

/** Collects `--name ID=NAME`: names for homes and cameras, by their ids or what they begin with. */
export function nameOption(
  text: string,
  before: ReadonlyMap<string, string> = new Map(),
): Map<string, string> {
  const [id = '', ...name] = text.split('=')
  if (!/^[a-z2-7]{4,52}$/.test(id) || name.join('=') === '')
    throw new InvalidArgumentError('an id and a name are wanted, e.g. k3d7…=Hall')
  return new Map([...before, [id, name.join('=')]])
}

/** `ownlens incident page`: a folder with all that somebody needs who was not there. */
export async function writePages(incident: string, flags: PageFlags): Promise<void> {
  const operator = await operatorOf(disk, dataFolder('hub', flags.hubData))
  const out = resolve(flags.out)
  await emptyFolder(out)
  const found = await openCase(disk, operator, incident)
  const log = join(operator.folder, 'log')
  const head = await copyLog(disk, log, join(out, 'log'), operator.logKey)
  const records = await writeRecords(disk, join(out, 'records.jsonl'), found.facts, head)
  const search = await searchFleet(disk, operator.folder, {
    ...{ log: join(out, 'log'), head, makerRoot: flags.makerRoot, devices: found.devices },
  })
  const story = storyOf(found, {
    given: flags.name ?? new Map(),
    search,
    disclosed: {
      key: operator.logKey,
      size: head.size,
      root: Buffer.from(head.root).toString('base64'),
      records,
    },
    now: new Date(found.frozenAt),
  })
  const page = join(out, 'incident.html')
  await write(page, incidentPage(story))
  await writeDrafts(out, story, flags)
  const pdf = join(out, 'incident.pdf')
  const trouble = await printed(page, pdf)
  if (flags.json)
    return say(JSON.stringify({ page, pdf: trouble === undefined ? pdf : null, records, size: head.size }))
  say(`${page}`)
  say(trouble ?? pdf)
  say(
    `Drafts for the authority and the people concerned are beside it; what only you know is marked in them.`,
  )
  say(`The folder can be handed on as it is. It opens ${records} of ${head.size} entries of the log.`)
}

async function writeDrafts(out: string, story: Story, flags: PageFlags): Promise<void> {
  const facts = draftFacts(story, flags)
  const drafts: Readonly<Record<string, Draft>> = {
    ...{ 'art33-en': authorityEnglish(facts), 'art33-de': authorityGerman(facts) },
    ...{ 'art34-en': peopleEnglish(facts), 'art34-de': peopleGerman(facts) },
  }
  for (const [name, draft] of Object.entries(drafts)) {
    await write(join(out, `${name}.html`), draftPage(draft))
    await write(join(out, `${name}.txt`), draftText(draft))
  }
}

/** Why there is no PDF, and what to do then; undefined when there is one. */
async function printed(page: string, pdf: string): Promise<string | undefined> {
  const chromium = await findChromium()
  const by = 'Open the page in any browser and print it: it is made for A4.'
  if (chromium === undefined) return `No PDF: there is no Chromium on this machine. ${by}`
  const trouble = await printPdf(chromium, page, pdf)
  return trouble === undefined ? undefined : `No PDF: Chromium did not print it (${trouble}). ${by}`
}

/** What is handed on must hold nothing else. Throws `incident.out`. */
async function emptyFolder(folder: string): Promise<void> {
  const there = await disk.list(folder).catch((cause: unknown) => {
    throw new OwnlensError('incident.out', folder, { cause })
  })
  if (there.length > 0) throw new OwnlensError('incident.out', folder)
  await disk.makeFolder(folder)
}

const write = (path: string, text: string): Promise<void> => disk.write(path, Buffer.from(text), 0o644)
