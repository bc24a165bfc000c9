import { randomBytes } from 'node:crypto'
import { pino } from 'pino'
import type { Household } from '../../agent/household.ts'
import type { Bound, Registrar } from '../../agent/identity/answer.ts'
import type { Sight } from '../../agent/identity/lens.ts'
import { Pairing } from '../../agent/identity/pairing.ts'
import type { ResetParts } from '../../agent/identity/reset.ts'
import { Signs } from '../../agent/identity/signs.ts'
import { PairingWindow } from '../../agent/identity/window.ts'
import type { KeyStore, LampState } from '../../hardware/hardware.ts'
import { fileKeyStore } from '../../hardware/key-store.ts'
import { claimKind, readHalf } from '../../protocol/claim.ts'
import { OwnlensError } from '../../protocol/errors.ts'
import { base32 } from '../../protocol/ids.ts'
import { writeInvitation } from '../../protocol/invitation.ts'
import type { Signer } from '../../protocol/keys.ts'
import { mailboxOf, revealKind, shortCode } from '../../protocol/pairing.ts'
import { makeStatement, statementHash } from '../../protocol/statement.ts'
import { type Disk, disk } from '../../storage/disk.ts'
import type { HubAddress } from '../../wire/hub-client.ts'
import type { Home } from './hub-people.ts'
import { temporaryFolder } from './places.ts'
import { Desk } from './registrar-desk.ts'

const URL = 'https://127.0.0.1:8443'
const LATE_MS = 20_000

/** A real registrar without network, as a camera asks it. */
export class Line {
  /** What was asked, in order: the action, and the mailbox if there is one. */
  readonly asked: string[] = []
  /** What every question is answered with instead. */
  fails: (() => OwnlensError) | undefined
  readonly desk: Desk
  /** Waited for before each question; a dead process waits for ever. */
  readonly #alive: () => Promise<unknown>

  constructor(desk: Desk, alive: () => Promise<unknown> = async () => undefined) {
    this.desk = desk
    this.#alive = alive
  }

  get address(): HubAddress {
    return { url: URL, caId: this.desk.authority.caId }
  }

  readonly connect = (address: HubAddress): Registrar => {
    const reach = () => {
      if (this.fails !== undefined) throw this.fails()
      if (address.caId !== this.desk.authority.caId) throw new OwnlensError('hub.ca')
    }
    return {
      address,
      nonce: async id => {
        await this.#alive()
        this.asked.push('nonce')
        reach()
        const epoch = await this.desk.registrar.epochOf(id)
        const now = performance.now()
        return { nonce: '', hubKeyId: '', time: Date.now(), heardAt: now, epoch, broker: '' }
      },
      request: async (householdId, body, signer) => {
        await this.#alive()
        this.asked.push(body.action)
        reach()
        return this.desk.send(signer, householdId, body)
      },
    }
  }
}

/** A code that an app shows, and the mailbox behind it. */
export interface Code {
  readonly text: string
  readonly mailbox: string
}

/** The app's side, step by step; each one is a request that the root signs. */
export class App {
  readonly home: Home
  readonly desk: Desk
  root: Signer

  constructor(desk: Desk, home: Home) {
    this.desk = desk
    this.home = home
    this.root = home.root
  }

  async invite(changed: Partial<{ rootId: string; caId: string }> = {}): Promise<Code> {
    const secret = randomBytes(16)
    const { caId } = this.desk.authority
    const text = writeInvitation({ rootId: this.root.id, secret, hubUrl: URL, caId, ...changed })
    const mailbox = mailboxOf(secret)
    await this.#ask({ action: 'invite', mailbox })
    return { text, mailbox }
  }

  /** What is in the mailbox. */
  async look(mailbox: string): Promise<string | null> {
    const { half } = (await this.#ask({ action: 'mailbox', mailbox })) as { half: string | null }
    return half
  }

  /** The half that has come, as soon as one has. */
  async half(mailbox: string): Promise<string> {
    for (const late = performance.now() + LATE_MS; ; ) {
      const half = await this.look(mailbox)
      if (half !== null) return half
      if (performance.now() > late) throw new Error('no half has come')
      await tick()
    }
  }

  /** Returns the short code that the camera must show now. */
  async reveal(mailbox: string, half: string): Promise<string> {
    const nonce = base32(randomBytes(16))
    const payload = { householdId: this.home.id, half: statementHash(half), nonce }
    await this.#ask({
      action: 'reveal',
      mailbox,
      reveal: await makeStatement(revealKind, payload, this.root),
    })
    return shortCode(statementHash(half), nonce)
  }

  async makeClaim(half: string): Promise<string> {
    const { deviceId, invited } = await readHalf(half)
    const hub = { url: URL, caId: this.desk.authority.caId }
    const issuedAt = new Date().toISOString()
    const payload = { householdId: this.home.id, deviceId, epoch: invited?.epoch ?? 0, half, hub, issuedAt }
    return makeStatement(claimKind, payload, this.root)
  }

  async claim(claim: string): Promise<void> {
    await this.#ask({ action: 'claim', claim })
  }

  async decline(mailbox: string): Promise<void> {
    await this.#ask({ action: 'decline', mailbox })
  }

  #ask(body: Parameters<Desk['send']>[2]): Promise<unknown> {
    return this.desk.send(this.root, this.home.id, body)
  }
}

/** A lens before which somebody holds things; it looks all the time. */
export class Lens {
  sight: Sight = { kind: 'nothing' }
  looks = 0
  /** Waited for before each look; a dead process waits for ever. */
  alive: () => Promise<unknown> = async () => undefined

  hold(text: string): void {
    this.sight = { kind: 'text', text }
  }

  async *sights({ signal }: { signal: AbortSignal }): AsyncGenerator<Sight> {
    while (!signal.aborted) {
      await this.alive()
      yield this.sight
      this.looks++
      await tick()
    }
  }

  /** Resolves when it has looked so many times more. */
  async looked(times: number): Promise<void> {
    for (const until = this.looks + times; this.looks < until; ) await tick()
  }
}

/** A camera that pairs: what it shows and logs is kept. */
export class PairingCamera {
  readonly lens = new Lens()
  /** States and codes, as the lamp showed them. */
  readonly lamp: string[] = []
  /** Codes of what was refused, as the log tells them. */
  readonly refused: string[] = []
  /** Milliseconds that have passed for its window. */
  now = 0
  readonly window = new PairingWindow({ monotonic: () => this.now })
  readonly parts: ResetParts
  readonly pairing: Pairing
  readonly #over = new AbortController()
  #blinked: (code: string) => void = () => undefined
  readonly blinked = new Promise<string>(resolve => {
    this.#blinked = resolve
  })
  #running: Promise<Household | undefined> | undefined

  constructor(
    at: { disk: Disk; data: string; keyStore: KeyStore; line: Line },
    options: { bound?: Bound; untilRead?: boolean } = {},
  ) {
    const { line, ...files } = at
    const write = (text: string) => {
      const { code, msg } = JSON.parse(text) as { code?: string; msg: string }
      if (msg === 'code refused') this.refused.push(code ?? text)
    }
    this.parts = { ...files, log: pino({}, { write }), connect: line.connect }
    const signs = new Signs({
      show: (state: LampState) => void this.lamp.push(state),
      blink: code => {
        this.lamp.push(code)
        this.#blinked(code)
      },
    })
    this.pairing = new Pairing(
      {
        ...this.parts,
        ...{ signs, window: this.window, sights: options => this.lens.sights(options), knockMs: 1 },
        ...(options.untilRead === undefined ? {} : { untilRead: options.untilRead }),
      },
      options.bound,
    )
  }

  /** Begins; the same promise each time. */
  run(): Promise<Household | undefined> {
    this.#running ??= this.pairing.run({ signal: this.#over.signal })
    return this.#running
  }

  async stop(): Promise<void> {
    this.#over.abort()
    await this.#running
  }
}

/** A whole pairing or repair, as honest people do it. */
export async function pairOnStage(app: App, camera: PairingCamera, standing?: string): Promise<Household> {
  const { text, mailbox } = await app.invite()
  camera.lens.hold(text)
  camera.pairing.press()
  const running = camera.run()
  const half = await app.half(mailbox)
  const code = await app.reveal(mailbox, half)
  if ((await camera.blinked) !== code) throw new Error('lamp and app show different codes')
  await app.claim(standing ?? (await app.makeClaim(half)))
  const household = await running
  if (household === undefined) throw new Error('it was not paired')
  return household
}

/** A moment in which others get on. */
export const tick = () => new Promise<void>(resolve => setTimeout(resolve, 1))

/** A registrar, a home's app at it, and a camera's folder on the real disk. */
export interface PairingStage {
  readonly desk: Desk
  readonly line: Line
  readonly app: App
  readonly data: string
  /** The camera as it starts with what lies in its folder. */
  start(options?: { bound?: Bound; untilRead?: boolean; line?: Line }): PairingCamera
  close(): Promise<void>
}

export async function openStage(options: Parameters<typeof Desk.open>[0] = {}): Promise<PairingStage> {
  const desk = await Desk.open(options)
  const line = new Line(desk)
  const { path: data, remove } = await temporaryFolder()
  let camera: PairingCamera | undefined
  return {
    ...{ desk, line, data },
    app: new App(desk, await desk.home()),
    start({ line: to = line, ...wishes } = {}) {
      const keyStore = fileKeyStore(disk, data)
      camera = new PairingCamera({ disk, data, keyStore, line: to }, wishes)
      return camera
    },
    async close() {
      await camera?.stop()
      await desk.close()
      await remove()
    },
  }
}
