import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Authority } from '../deploy/hub/authority.ts'
import { openDatabase } from '../deploy/hub/database.ts'
import { Nonces } from '../deploy/hub/nonces.ts'
import { OrderJournal } from '../deploy/hub/order-journal.ts'
import { Registrar } from '../deploy/hub/registrar.ts'
import { base32 } from '../protocol/ids.ts'
import { makePrivateKey, type Signer, signerOf } from '../protocol/keys.ts'
import { enrolmentKind } from '../protocol/registrar.ts'
import { makeStatement } from '../protocol/statement.ts'
import { disk } from '../storage/disk.ts'
import { makeTlsRequest } from '../wire/tls.ts'
import { COUNTER, fillRegistrar, type Placed, RENEWAL_MS } from './filled-registrar.ts'
import { type BenchContext, median, type Row, row } from './row.ts'

const FEW = 1000
const MANY = 100_000
const ROUNDS = 32
const A_ROUND = 25

/** A registrar with so many devices, of which some have keys that are here. */
interface Desk {
  readonly registrar: Registrar
  readonly nonces: Nonces
  readonly caId: string
  readonly placed: readonly Placed[]
  readonly times: number[]
  /** Its clock goes on by what lies between two enrolments in a hub with so many devices: as many certificates end as are made. */
  step(): void
  close(): Promise<void>
}

/**
 * What an enrolment costs among 100,000 devices, against 1,000: from a request off the wire to the answer, everything that
 * must be on the disk written. Both registrars are asked in turns, one enrolment each, so that what else the machine does
 * falls on both; each device enrols once, so that nothing of it lies in a cache for having been there just now.
 */
export async function measureEnrolment(
  { folder, tell }: BenchContext,
  only: (name: string) => boolean,
): Promise<readonly Row[]> {
  if (!only('enroll.growth')) return []
  const keys = Array.from({ length: (ROUNDS + 1) * A_ROUND }, () => signerOf(makePrivateKey()))
  tell(`enroll.growth: registrars with ${FEW} and ${MANY} devices`)
  const few = await openDesk(join(folder, 'few'), FEW, keys)
  const many = await openDesk(join(folder, 'many'), MANY, keys)
  try {
    for (let round = 0; round <= ROUNDS; round++) {
      tell(`enroll.growth: round ${round} of ${ROUNDS}`)
      await askRound([few, many], keys, round)
    }
  } finally {
    await few.close()
    await many.close()
  }
  // The first round warms up.
  const [least, most] = [few, many].map(({ times }) => median(times.slice(A_ROUND)))
  const peer = { name: `the same among ${FEW} devices`, value: least ?? null }
  return [row('enroll.growth', `ms among ${MANY}`, most ?? Number.NaN, peer, 'lower')]
}

async function openDesk(folder: string, devices: number, keys: readonly Signer[]): Promise<Desk> {
  await mkdir(folder)
  const path = join(folder, 'registrar.db')
  const filled = await openDatabase(path)
  const placed = await fillRegistrar(filled, devices, keys)
  // Closed once: what was filled in is no longer in the log.
  await filled.destroy()
  const database = await openDatabase(path)
  const authority = await Authority.open(disk, folder, [])
  const nonces = new Nonces()
  let clock = Date.now()
  const registrar = new Registrar({
    ...{ database, authority, nonces },
    journal: new OrderJournal(disk, join(folder, 'orders')),
    now: () => new Date(clock),
    changed: async () => undefined,
  })
  return {
    ...{ registrar, nonces, caId: authority.caId, placed, times: [] },
    step() {
      clock += RENEWAL_MS / devices
    },
    close: () => database.destroy(),
  }
}

/** Requests are made first: what a camera does is not the registrar's cost. */
async function askRound(desks: readonly Desk[], keys: readonly Signer[], round: number): Promise<void> {
  const turns: { desk: Desk; csr: Uint8Array; statement: string }[] = []
  for (let index = round * A_ROUND; index < (round + 1) * A_ROUND; index++)
    for (const desk of index % 2 === 0 ? desks : [...desks].reverse()) {
      const [signer, placed] = [keys[index], desk.placed[index]]
      if (signer !== undefined && placed !== undefined)
        turns.push({ desk, ...(await requestOf(desk, signer, placed)) })
    }
  for (const { desk, csr, statement } of turns) {
    desk.step()
    const from = performance.now()
    await desk.registrar.enrol(csr, statement)
    desk.times.push(performance.now() - from)
  }
}

async function requestOf(
  { nonces, caId }: Desk,
  signer: Signer,
  { householdId, epoch }: Placed,
): Promise<{ csr: Uint8Array; statement: string }> {
  const { csr, keyHash } = await makeTlsRequest(signer.id)
  const role = { kind: 'device', epoch, counter: COUNTER + 1, boot: base32(randomBytes(16)) } as const
  const nonce = nonces.make(signer.id)
  const payload = { id: signer.id, householdId, tlsKey: keyHash, caId, nonce, role }
  return { csr, statement: await makeStatement(enrolmentKind, payload, signer) }
}
