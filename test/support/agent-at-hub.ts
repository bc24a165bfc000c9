import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { pino } from 'pino'
import type { Household } from '../../agent/household.ts'
import { Enrolment } from '../../agent/identity/enrol.ts'
import { pairByFile as answerInvitation } from '../../agent/identity/pair-by-file.ts'
import { Outbox } from '../../agent/outbox.ts'
import { publishOutbox } from '../../agent/publisher.ts'
import type { SealedPart } from '../../agent/seal.ts'
import { StatusReport } from '../../agent/status.ts'
import { fileKeyStore } from '../../hardware/key-store.ts'
import type { Household as Home } from '../../home/household.ts'
import { pairByFile } from '../../home/pair.ts'
import { codeOf } from '../../protocol/errors.ts'
import { base32 } from '../../protocol/ids.ts'
import type { Signer } from '../../protocol/keys.ts'
import { disk } from '../../storage/disk.ts'
import { HubClient } from '../../wire/hub-client.ts'
import { newNonce } from './agent-family.ts'
import { CLOCK } from './agent-scene.ts'
import { eventually } from './world.ts'

/** A camera's publisher in this process: paired, with an outbox that a test fills. */
export interface Publisher {
  readonly household: Household
  readonly outbox: Outbox
  /** Error codes of what was refused, as they came. */
  readonly refused: readonly string[]
  /** Messages that were logged, as they came. */
  readonly logged: readonly string[]
  /** Numbers of clips that were told as lost. */
  readonly lost: readonly number[]
  /** Begins to publish. */
  start(): void
  stop(): Promise<void>
}

export async function startPublisher(
  home: Home,
  root: Signer,
  data: string,
  { ackTimeoutMs = 60_000 } = {},
): Promise<Publisher> {
  await disk.makeFolder(data)
  const keyStore = fileKeyStore(disk, data)
  const signer = await keyStore.signer()
  const household = await paired(home, root, { data, keyStore })
  const lost: number[] = []
  const outbox = await Outbox.open(disk, data, { maxBytes: 2 ** 30, lost: ({ from }) => lost.push(from) })
  const boot = newNonce()
  const status = new StatusReport({ household, outbox, signer, boot, clock: CLOCK, name: 'Hall' })
  const refused: string[] = []
  const logged: string[] = []
  const log = pino({}, { write: (line: string) => void logged.push(JSON.parse(line).msg) })
  const enrolment = new Enrolment({ disk, data, signer, boot })
  const ended = new AbortController()
  let running: Promise<void> | undefined
  return {
    ...{ household, outbox, refused, logged, lost },
    start() {
      const { signal } = ended
      const hub = new HubClient(household.claim.hub, { signal })
      const refuse = (error: unknown) => {
        status.refuse(error)
        refused.push(codeOf(error) ?? String(error))
      }
      const parts = { hub, household, enrolment, outbox, status, log, refused: refuse, ackTimeoutMs }
      running = publishOutbox(parts, { signal })
    },
    async stop() {
      ended.abort()
      await running
    },
  }
}

/** Both sides of pairing by file, in one process. */
async function paired(
  home: Home,
  root: Signer,
  { data, keyStore }: { data: string; keyStore: ReturnType<typeof fileKeyStore> },
): Promise<Household> {
  const over = new AbortController()
  const log = pino({ level: 'silent' })
  const answering = answerInvitation({ disk, data, keyStore, log }, { signal: over.signal })
  try {
    const half = join(data, 'pair', 'half.jws')
    await eventually(() => disk.read(half), 'the camera introduces itself')
    await pairByFile(home, root, join(data, 'pair'), { timeoutMs: 60_000 })
    const household = await answering
    if (household === undefined) throw new Error('not paired')
    return household
  } finally {
    over.abort()
  }
}

/** Sealed parts of a clip, as far as a store can tell. */
export async function* someParts(count: number, bytes = 5000): AsyncGenerator<SealedPart> {
  yield { name: 'open', kind: 'open', payload: randomBytes(bytes) }
  for (let number = 0; number < count; number++)
    yield { name: String(number), kind: 'video', payload: randomBytes(bytes) }
  const parts = { video: count, hashes: 0, thumb: 0 }
  yield { name: 'end', kind: 'end', payload: randomBytes(bytes), parts }
}

export const newClipId = (): string => base32(randomBytes(16))
