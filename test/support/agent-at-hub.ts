import { randomBytes } from 'node:crypto'
import { pino } from 'pino'
import type { Household } from '../../agent/household.ts'
import { Enrolment } from '../../agent/identity/enrol.ts'
import type { Sight } from '../../agent/identity/lens.ts'
import { LogHead } from '../../agent/identity/log-head.ts'
import { Pairing } from '../../agent/identity/pairing.ts'
import { Signs } from '../../agent/identity/signs.ts'
import { PairingWindow } from '../../agent/identity/window.ts'
import { Outbox } from '../../agent/outbox.ts'
import { publishOutbox } from '../../agent/publisher.ts'
import type { SealedPart } from '../../agent/seal.ts'
import { StatusReport } from '../../agent/status.ts'
import { fileKeyStore } from '../../hardware/key-store.ts'
import type { Household as Home } from '../../home/household.ts'
import { pairThroughLens } from '../../home/pair.ts'
import { codeOf } from '../../protocol/errors.ts'
import { base32 } from '../../protocol/ids.ts'
import type { Signer } from '../../protocol/keys.ts'
import { disk } from '../../storage/disk.ts'
import { type HubAddress, HubClient } from '../../wire/hub-client.ts'
import type { TlsIdentity } from '../../wire/tls.ts'
import { newNonce } from './agent-family.ts'
import { CLOCK } from './agent-scene.ts'

/** A camera's publisher in this process: paired, with an outbox that a test fills. */
export interface Publisher {
  readonly household: Household
  readonly outbox: Outbox
  /** Error codes of what was refused, as they came. */
  readonly refused: readonly string[]
  /** Messages that were logged, as they came. */
  readonly logged: readonly string[]
  /** What the registrar had against it, as it came; null when it took it again. */
  readonly troubles: readonly (string | null)[]
  /** Why publishing has ended. */
  readonly ends: readonly string[]
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
  { ackTimeoutMs = 60_000, firstMs = 60_000 } = {},
): Promise<Publisher> {
  await disk.makeFolder(data)
  const keyStore = fileKeyStore(disk, data)
  const signer = await keyStore.signer()
  const household = await paired(home, root, { data, keyStore })
  const lost: number[] = []
  const outbox = await Outbox.open(disk, data, {
    maxBytes: 2 ** 30,
    lost: async ({ from }) => void lost.push(from),
  })
  const boot = newNonce()
  const logHead = await LogHead.open(disk, data, () => Date.now())
  const status = new StatusReport({
    ...{ household, outbox, signer, boot, clock: CLOCK, name: 'Hall', log: logHead },
  })
  const refused: string[] = []
  const logged: string[] = []
  const troubles: (string | null)[] = []
  const ends: string[] = []
  const log = pino({}, { write: (line: string) => void logged.push(JSON.parse(line).msg) })
  const enrolment = new Enrolment({ disk, data, signer, boot })
  const ended = new AbortController()
  let running: Promise<unknown> | undefined
  return {
    ...{ household, outbox, refused, logged, lost, troubles, ends },
    start() {
      const { signal } = ended
      const connect = (address: HubAddress) => new HubClient(address, { signal })
      const refuse = (error: unknown) => {
        status.refuse(error)
        refused.push(codeOf(error) ?? String(error))
      }
      const trouble = (code: string | null) => void troubles.push(code)
      const parts = {
        connect,
        household,
        signer,
        enrolment,
        outbox,
        status,
        log,
        trouble,
        command: async () => undefined,
        live: { watched: false, line: () => undefined },
        ackTimeoutMs,
        firstMs,
        followLog: (hub: HubClient, tls: TlsIdentity) => logHead.follow(hub, tls),
      }
      running = publishOutbox({ ...parts, refused: refuse }, { signal }).then(end => ends.push(end))
    },
    async stop() {
      ended.abort()
      await running
    },
  }
}

/**
 * Both sides of pairing through the lens, in one process: the camera sees the text that the app shows, and a person compares
 * the codes of lamp and app.
 */
export async function paired(
  home: Home,
  root: Signer,
  { data, keyStore }: { data: string; keyStore: ReturnType<typeof fileKeyStore> },
): Promise<Household> {
  const over = new AbortController()
  const { signal } = over
  let show: (text: string) => void = () => undefined
  const shown = new Promise<string>(resolve => {
    show = resolve
  })
  let blink: (code: string) => void = () => undefined
  const blinked = new Promise<string>(resolve => {
    blink = resolve
  })
  const window = new PairingWindow({ monotonic: () => performance.now() })
  const pairing = new Pairing(
    {
      ...{ disk, data, keyStore, window, log: pino({ level: 'silent' }), knockMs: 50 },
      signs: new Signs({ show: () => undefined, blink }),
      connect: address => new HubClient(address, { signal }),
      sights: options => looksAt(shown, options),
    },
    undefined,
  )
  pairing.press()
  const answering = pairing.run({ signal })
  try {
    await pairThroughLens(home, root, {
      show: async text => {
        show(text)
        return async () => undefined
      },
      confirm: async code => code === (await blinked),
      signal,
    })
    const household = await answering
    if (household === undefined) throw new Error('not paired')
    return household
  } finally {
    over.abort()
    await answering
  }
}

/** A lens before which a text is held from some moment on, until the signal. */
export async function* looksAt(
  text: Promise<string>,
  { signal }: { signal: AbortSignal },
): AsyncGenerator<Sight> {
  const aborted = new Promise<undefined>(resolve => {
    signal.addEventListener('abort', () => resolve(undefined), { once: true })
  })
  const held = await Promise.race([text, aborted])
  while (!signal.aborted && held !== undefined) {
    yield { kind: 'text', text: held }
    await new Promise(resolve => setTimeout(resolve, 10))
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
