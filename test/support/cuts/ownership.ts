import { equal, ok } from 'node:assert/strict'
import { generateHybridIdentity, generateX25519Identity } from 'age-encryption'
import { pino } from 'pino'
import { Household } from '../../../agent/household.ts'
import type { Bound } from '../../../agent/identity/answer.ts'
import { lastEpoch } from '../../../agent/identity/epoch.ts'
import { join, settleJoining } from '../../../agent/identity/join.ts'
import { readOwner } from '../../../agent/identity/owner.ts'
import { readPending, savePending } from '../../../agent/identity/pending.ts'
import { finishReset, orderRelease, orderReset, type ResetParts } from '../../../agent/identity/reset.ts'
import { Sequence } from '../../../agent/sequence.ts'
import type { KeyStore } from '../../../hardware/hardware.ts'
import { emulatedKeyStore } from '../../../hardware/key-store.ts'
import type { Signer } from '../../../protocol/keys.ts'
import { type Disk, readText } from '../../../storage/disk.ts'
import type { Scenario } from '../faults/every-cut.ts'
import { App, type Code, Line, PairingCamera, tick } from '../pairing-stage.ts'
import { newSigner } from '../people.ts'
import type { Desk } from '../registrar-desk.ts'

const DATA = '/data'
const LATE_MS = 60_000
/** What only the household should be able to connect with a camera. */
const TRACE = 'a trace of the household'

/** A camera, its home's app and what they have promised each other. Power cuts reach the camera's disk alone. */
interface Notes {
  readonly app: App
  readonly line: Line
  readonly keyStore: (disk: Disk) => KeyStore
  readonly code: Code
  /** What was claimed before. */
  readonly standing: Household | undefined
  /** Clips' numbers that were used: `epoch/number`. */
  readonly numbers: Set<string>
  claim?: string
  /** What a life has ended with. */
  household?: Household
  ordered: boolean
}

const identities = Promise.all([generateX25519Identity(), generateHybridIdentity()])

/** Keys that no power cut reaches: other promises are about them. */
function lasting(signer: Signer): KeyStore {
  return {
    settle: async () => ({ board: 'same' }),
    signer: async () => signer,
    ageIdentities: async () => {
      const [x25519, hybrid] = await identities
      return { x25519, hybrid }
    },
    replaceKeys: async () => {
      throw new Error('these keys stay')
    },
  }
}

async function begin(desk: Desk): Promise<Notes> {
  const app = new App(desk, await desk.home())
  const signer = newSigner()
  return {
    ...{ app, line: new Line(desk), keyStore: () => lasting(signer), code: await app.invite() },
    ...{ standing: undefined, numbers: new Set(), ordered: false },
  }
}

/** A camera that has its home, and one clip's number used. */
async function beginOwned(desk: Desk, disk: Disk, keys?: Notes['keyStore']): Promise<Notes> {
  const notes = await begin(desk)
  const { app, line, code, keyStore } = keys === undefined ? notes : { ...notes, keyStore: keys }
  const half = await app.home.half(await keyStore(disk).signer(), 1)
  const claim = await app.makeClaim(half)
  await app.claim(claim)
  const pin = { householdId: app.home.id, rootId: app.root.id }
  const pending = {
    ...{ half, pin, mailbox: code.mailbox, hub: line.address },
    ...{ roster: app.home.first, successions: [], text: '0'.repeat(64) },
  }
  const standing = await join({ disk, data: DATA }, pending, claim, undefined)
  await number(disk, notes, standing)
  return { ...notes, keyStore, standing }
}

/** The app does what is to be done next. */
async function act(notes: Notes): Promise<void> {
  const { app, code, standing } = notes
  if (notes.claim !== undefined) return
  const half = await app.look(code.mailbox)
  if (half === null) return
  // Another life's app may have come first: it is the same one.
  notes.claim = half === standing?.claim.half ? standing.claim.jws : await app.makeClaim(half)
  await app.reveal(code.mailbox, half)
  await app.claim(notes.claim)
}

/** One start of a camera before which the code is held. Throws when it refuses it. */
async function paired(disk: Disk, notes: Notes, bound: Bound | undefined): Promise<Household> {
  const alive = () => disk.info(DATA)
  const line = new Line(notes.app.desk, alive)
  const at = { disk, data: DATA, keyStore: notes.keyStore(disk), line }
  const camera = new PairingCamera(at, bound === undefined ? {} : { bound, untilRead: true })
  camera.lens.alive = alive
  camera.lens.hold(notes.code.text)
  camera.pairing.press()
  let ended = false
  const running = camera.run().finally(() => {
    ended = true
  })
  running.catch(() => undefined)
  for (const late = performance.now() + LATE_MS; !ended; await tick()) {
    await alive()
    await act(notes)
    ok(camera.refused.length === 0, `its own home’s code was refused: ${camera.refused}`)
    ok(performance.now() < late, 'it was never paired')
  }
  const household = await running
  ok(household !== undefined, 'it was not paired')
  return household
}

/** A clip gets a number, which none had before. */
async function number(disk: Disk, notes: Notes, { claim }: Household): Promise<void> {
  const taken = `${claim.epoch}/${await (await Sequence.open(disk, DATA, claim.epoch)).take()}`
  ok(!notes.numbers.has(taken), `the number ${taken} was used twice`)
  notes.numbers.add(taken)
}

const load = async (disk: Disk, notes: Notes) =>
  Household.load(disk, DATA, (await notes.keyStore(disk).signer()).id)

/** What its half is in the mailbox of must be on its disk, until there is more. */
async function answersLast(disk: Disk, { app, code, household }: Notes): Promise<void> {
  const half = await app.look(code.mailbox)
  const now = await Household.load(disk, DATA, newestOf(household)).catch(() => undefined)
  if (half === null || now?.claim.half === half) return
  equal((await readPending(disk, DATA))?.half, half, 'it has forgotten what it answered')
}

const newestOf = (household: Household | undefined): string => household?.claim.deviceId ?? ''

/** A free camera is paired, and records. */
export const pairing = (desk: Desk): Scenario<Notes> => ({
  prepare: () => begin(desk),
  async life(disk, notes) {
    const known = await load(disk, notes)
    const household = known ?? (await paired(disk, notes, undefined))
    await settleJoining({ disk, data: DATA }, household)
    equal(household.claim.jws, notes.claim)
    await number(disk, notes, household)
    notes.household = household
  },
  async check(disk, notes) {
    const now = await load(disk, notes)
    if (notes.household !== undefined) ok(now !== undefined, 'it has forgotten its home')
    if (now === undefined) return answersLast(disk, notes)
    equal(now.claim.jws, notes.claim)
    equal(await lastEpoch(disk, DATA), 1)
  },
})

/** Its own home repairs a camera that has its claim: the epoch stays. */
export const repair = (desk: Desk): Scenario<Notes> => ({
  async prepare(disk) {
    const notes = await beginOwned(desk, disk)
    const { root, home } = notes.app
    const roster = await home.roster({ number: 2, prev: home.first })
    await desk.send(root, home.id, { action: 'roster', roster, successions: [] })
    return notes
  },
  async life(disk, notes) {
    let household = await load(disk, notes)
    ok(household !== undefined, 'it has forgotten its home')
    await settleJoining({ disk, data: DATA }, household)
    if (household.rosterNumber === 1) household = await paired(disk, notes, { pin: household.pin, household })
    equal(household.rosterNumber, 2)
    await number(disk, notes, household)
  },
  async check(disk, { standing, ...notes }) {
    const now = await load(disk, { standing, ...notes })
    equal(now?.claim.jws, standing?.claim.jws)
    equal(await lastEpoch(disk, DATA), 1)
  },
})

/** Its own home repairs a camera that cannot read whose it is: a new epoch, and nothing of what it had not sent is lost. */
export const repairDamaged = (desk: Desk): Scenario<Notes> => ({
  async prepare(disk) {
    const notes = await beginOwned(desk, disk)
    await disk.write(`${DATA}/household.json`, Buffer.from('{"pin":'))
    await disk.makeFolder(`${DATA}/outbox`)
    await disk.write(`${DATA}/outbox/clip`, Buffer.from(TRACE))
    await disk.syncFolder(`${DATA}/outbox`)
    return notes
  },
  async life(disk, notes) {
    const known = await load(disk, notes).catch(() => undefined)
    const household = known ?? (await paired(disk, notes, await ownerIn(disk)))
    await settleJoining({ disk, data: DATA }, household)
    equal(household.claim.epoch, 2)
    await number(disk, notes, household)
    notes.household = household
  },
  async check(disk, notes) {
    equal(await readText(disk, DATA, 'outbox/clip'), TRACE)
    const now = await load(disk, notes).catch(() => undefined)
    if (notes.household !== undefined) ok(now !== undefined, 'it has forgotten its home')
    if (now === undefined) {
      await ownerIn(disk)
      await answersLast(disk, notes)
    } else equal(now.claim.epoch, 2)
  },
})

async function ownerIn(disk: Disk): Promise<Bound> {
  const pin = await readOwner(disk, DATA)
  ok(pin !== undefined, 'nobody knows any more whose it is')
  return { pin, household: undefined }
}

/** The camera forgets its home. */
export const forgetting = (
  desk: Desk,
  how: 'reset' | 'new key' | 'release',
): Scenario<Notes & { readonly deviceId: string }> => {
  const parts = (disk: Disk, notes: Notes): ResetParts => ({
    ...{ disk, data: DATA, keyStore: notes.keyStore(disk), connect: notes.line.connect },
    log: pino({ level: 'silent' }),
  })
  return {
    async prepare(disk) {
      const keys = (on: Disk) => emulatedKeyStore(on, DATA, 'board')
      const notes = await beginOwned(desk, disk, how === 'new key' ? keys : undefined)
      const { claim, pin, roster } = notes.standing as Household
      // An answer that a cut may bring back must not make it theirs again.
      await savePending(disk, DATA, {
        ...{ half: claim.half, mailbox: notes.code.mailbox, pin, hub: claim.hub },
        ...{ roster: roster.jws, successions: [], text: '0'.repeat(64) },
      })
      for (const folder of ['outbox', 'people']) {
        await disk.makeFolder(`${DATA}/${folder}/inside`)
        await disk.write(`${DATA}/${folder}/inside/file`, Buffer.from(TRACE))
        await disk.syncFolder(`${DATA}/${folder}/inside`)
      }
      await disk.write(`${DATA}/settings.json`, Buffer.from(TRACE))
      await disk.syncFolder(DATA)
      return { ...notes, deviceId: claim.deviceId }
    },
    async life(disk, notes) {
      if (await finishReset(parts(disk, notes))) return mustBeGone(disk, notes)
      const household = await load(disk, notes)
      if (household === undefined) return mustBeGone(disk, notes)
      if (how === 'release') await orderRelease(parts(disk, notes))
      else await orderReset(parts(disk, notes), { newKey: how === 'new key' })
      notes.ordered = true
      await finishReset(parts(disk, notes))
      await mustBeGone(disk, notes)
    },
    async check(disk, notes) {
      const before = await finishReset(parts(disk, notes))
      const household = before ? undefined : await load(disk, notes)
      if (household === undefined) return mustBeGone(disk, notes)
      ok(!notes.ordered, 'it was told to forget, and has not')
      equal(household.claim.jws, notes.standing?.claim.jws)
      equal((await notes.keyStore(disk).signer()).id, notes.deviceId)
      equal(await readText(disk, DATA, 'settings.json'), TRACE)
    },
  }

  async function mustBeGone(disk: Disk, notes: Notes & { readonly deviceId: string }): Promise<void> {
    const { claim, roster } = notes.standing as Household
    for (const [path, text] of await filesIn(disk, DATA))
      for (const trace of [TRACE, claim.jws, claim.half, roster.jws, claim.hub.url])
        ok(!text.includes(trace) || path.endsWith('/notice.json'), `${path} tells of the home`)
    equal(await lastEpoch(disk, DATA), 1, 'an epoch could be used twice')
    const { id } = await notes.keyStore(disk).signer()
    if (how === 'new key') ok(id !== notes.deviceId, 'it has its old key')
  }
}

async function filesIn(disk: Disk, folder: string): Promise<readonly (readonly [string, string])[]> {
  const found: (readonly [string, string])[] = []
  for (const name of await disk.list(folder)) {
    const path = `${folder}/${name}`
    const text = await readText(disk, path).catch(() => undefined)
    if (text === undefined) found.push(...(await filesIn(disk, path)))
    else found.push([path, text])
  }
  return found
}
