import { randomBytes } from 'node:crypto'
import { generateHybridIdentity, identityToRecipient } from 'age-encryption'
import { seal } from '../agent/seal.ts'
import { base32, sha256 } from '../protocol/ids.ts'
import { makePrivateKey, signerOf } from '../protocol/keys.ts'
import { type BenchContext, type Row, row } from './row.ts'

const SECONDS = 60
/** 4 Mbit/s. */
const BYTES_A_SECOND = 500_000

/** Share of a core that signing and sealing cost at 4 Mbit/s, for three members. */
export async function measureSealing(
  { tell }: BenchContext,
  only: (name: string) => boolean,
): Promise<readonly Row[]> {
  if (!only('seal.cpu')) return []
  tell(`seal.cpu: ${SECONDS} seconds of video at 4 Mbit/s`)
  const signer = signerOf(makePrivateKey())
  const identities = await Promise.all([1, 2, 3].map(() => generateHybridIdentity()))
  const recipients = await Promise.all(identities.map(identity => identityToRecipient(identity)))
  const id = base32(sha256(randomBytes(8)))
  const envelope = {
    audience: 'household',
    householdId: id,
    deviceId: signer.id,
    epoch: 1,
    roster: 1,
  } as const
  // Two fragments a second, as the encoder makes them; the clock goes with them.
  let at = 0
  const video = (async function* () {
    const fragment = randomBytes(BYTES_A_SECOND / 2)
    for (; at < SECONDS * 1000; at += 500) yield fragment
  })()
  const tail = async () => ({
    ...{ durationMs: SECONDS * 1000, triggers: ['face' as const], end: 'event' as const, faces: [] },
    ...{ previous: null, thumbnail: randomBytes(60_000) },
  })
  const head = {
    clipId: id.slice(0, 26),
    counter: 1,
    startedAt: new Date(),
    clockSure: true,
    audio: true,
    trigger: 'face' as const,
  }
  const before = process.cpuUsage()
  for await (const _ of seal(
    video,
    head,
    tail,
    { member: { recipients, envelope }, signer, monotonic: () => at },
    async () => {},
  )) {
    // The outbox's part is measured with catch-up.
  }
  const { user, system } = process.cpuUsage(before)
  const share = ((user + system) / 1e6 / SECONDS) * 100
  return [row('seal.cpu', '% of a core', share, { name: 'none', value: null }, 'lower')]
}
