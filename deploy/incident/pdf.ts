import { execFile } from 'node:child_process'
import { access, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
/** How Chromium is called on Debian and elsewhere. */
const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome']
const TIMEOUT_MS = 90_000

/** Where Chromium is; undefined where there is none. `OWNLENS_CHROMIUM` names another one. */
export async function findChromium(env = process.env): Promise<string | undefined> {
  const folders = (env.PATH ?? '').split(delimiter).filter(folder => folder !== '')
  const paths = env.OWNLENS_CHROMIUM
    ? [env.OWNLENS_CHROMIUM]
    : folders.flatMap(folder => NAMES.map(name => join(folder, name)))
  for (const path of paths)
    if (
      await access(path).then(
        () => true,
        () => false,
      )
    )
      return path
  return undefined
}

/**
 * Prints a page to a PDF file. It has a profile of its own, which is removed, and no network: the page needs none.
 *
 * @returns why there is no PDF; undefined when there is one.
 */
export async function printPdf(chromium: string, page: string, pdf: string): Promise<string | undefined> {
  const profile = await mkdtemp(join(tmpdir(), 'ownlens-pdf-'))
  // Chromium's sandbox cannot be made by root, and it says so and ends.
  const isRoot = process.getuid?.() === 0
  const flags = [
    ...['--headless', '--disable-gpu', '--no-first-run', '--disable-extensions', '--disable-sync'],
    ...['--host-resolver-rules=MAP * ~NOTFOUND', '--no-pdf-header-footer', `--user-data-dir=${profile}`],
    ...(isRoot ? ['--no-sandbox'] : []),
  ]
  try {
    await run(chromium, [...flags, `--print-to-pdf=${pdf}`, pathToFileURL(page).href], {
      timeout: TIMEOUT_MS,
    })
    await access(pdf)
    return undefined
  } catch (error) {
    return (error as Error).message.split('\n').at(-1) || (error as Error).message
  } finally {
    await rm(profile, { recursive: true, force: true, maxRetries: 5 })
  }
}
