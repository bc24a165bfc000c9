import { deepEqual, ok } from 'node:assert/strict'
import { foundHousehold } from '../../../home/found.ts'
import { Household } from '../../../home/household.ts'
import { addMember, inviteMember, joinHousehold } from '../../../home/members.ts'
import { finishPairing, pairThroughLens } from '../../../home/pair.ts'
import { recoverHousehold } from '../../../home/recover.ts'
import { successorKey } from '../../../home/successor.ts'
import { codeOf } from '../../../protocol/errors.ts'
import { publicKeyOf } from '../../../protocol/keys.ts'
import type { Disk } from '../../../storage/disk.ts'
import { CodeCamera } from '../code-camera.ts'
import type { Scenario } from '../faults/every-cut.ts'
import type { TestHub } from '../test-hub.ts'

const OWNER = '/data/owner'
const OTHER = '/data/other'
const PASSPHRASE = 'of a test'

/** The household in a folder; undefined when there is none. */
const opened = (disk: Disk, folder: string): Promise<Household | undefined> =>
  Household.open(disk, folder).catch(error => {
    if (codeOf(error) === 'home.absent') return undefined
    throw error
  })

const idOf = (words: string): string => publicKeyOf(successorKey(words)).id

async function found(at: TestHub, disk: Disk, showWords: (words: string) => void): Promise<Household> {
  return foundHousehold({
    ...{ disk, folder: OWNER, hub: at.client.address, code: await at.hub.registrationCode(), showWords },
    ...{ passphrase: PASSPHRASE, suite: 'x25519', name: 'Home', memberName: 'Owner', workFactor: 4 },
  })
}

/** A household that is there is whole: its root opens, its hub knows it, and somebody has seen its words. */
export const foundsHome = (at: TestHub): Scenario<{ words: string[]; told: string | undefined }> => ({
  prepare: async () => ({ words: [], told: undefined }),
  async life(disk, notes) {
    const home = (await opened(disk, OWNER)) ?? (await found(at, disk, words => void notes.words.push(words)))
    notes.told ??= home.id
  },
  async check(disk, { words, told }) {
    const home = await opened(disk, OWNER)
    if (told !== undefined) ok(home?.id === told, 'it is gone')
    if (home === undefined) return
    ok(
      words.some(shown => idOf(shown) === home.file.firstSuccessorId),
      'nobody has seen its words',
    )
    ok((await home.unlockRoot(PASSPHRASE)).id === home.rootId, 'its root is another')
    await home.names()
    await home.enrol()
  },
})

/** Somebody becomes a member once, whatever is lost in between. */
export const takesMember = (at: TestHub): Scenario<{ added: string | undefined }> => ({
  async prepare(disk) {
    await found(at, disk, () => undefined)
    return { added: undefined }
  },
  async life(disk, notes) {
    const home = await Household.open(disk, OWNER)
    const root = await home.unlockRoot(PASSPHRASE)
    deepEqual(await home.refresh((await home.enrol()).tls), [])
    const answer = await joinHousehold(disk, OTHER, inviteMember(home), 'Bert')
    notes.added = await addMember(home, root, answer, 'Bert')
  },
  async check(disk, { added }) {
    const home = await Household.open(disk, OWNER)
    const ids = home.roster.members.map(({ memberId }) => memberId)
    if (added === undefined) return
    deepEqual(ids, [home.member.id, added])
    ok((await home.names()).members[added] === 'Bert', 'the name is gone')
    const other = await Household.open(disk, OTHER)
    ok(other.member.id === added, 'the new member’s key is gone')
    await other.enrol()
  },
})

/** A camera is claimed once; what the hub has of it, the app has. */
export const pairsCamera = (at: TestHub): Scenario<{ camera: CodeCamera; paired: boolean }> => ({
  async prepare(disk) {
    await found(at, disk, () => undefined)
    return { camera: await CodeCamera.make(), paired: false }
  },
  async life(disk, notes) {
    const { camera } = notes
    const home = await Household.open(disk, OWNER)
    const root = await home.unlockRoot(PASSPHRASE)
    deepEqual(await home.refreshClaims((await home.enrol()).tls), [])
    await finishPairing(home, await home.claims())
    if ((await home.claims()).length === 0)
      await pairThroughLens(
        home,
        root,
        {
          signal: new AbortController().signal,
          name: 'Hall',
          ...camera.inHands(),
        },
        { lookMs: 10 },
      )
    notes.paired = true
  },
  async check(disk, { camera, paired }) {
    const home = await Household.open(disk, OWNER)
    const claims = (await home.claims()).map(({ jws }) => jws)
    const atHub = await at.hub.registrar.claims(home.id)
    ok(atHub.length <= 1, 'it was claimed twice')
    if (!paired) return
    deepEqual(claims, atHub)
    ok((await home.names()).cameras[camera.id] === 'Hall', 'the name is gone')
    ok((await home.data.get('pairing.json')) === undefined, 'it looks unfinished')
  },
})

/** Words that the hub has taken the successor of were seen, and lead to a root that opens. */
export const recoversHome = (at: TestHub): Scenario<{ words: string; next: string[]; told: boolean }> => ({
  async prepare(disk) {
    let words = ''
    await found(at, disk, shown => {
      words = shown
    })
    return { words, next: [], told: false }
  },
  async life(disk, notes) {
    if ((await opened(disk, OTHER)) === undefined)
      await recoverHousehold({
        ...{ disk, folder: OTHER, hub: at.client.address, words: notes.words, passphrase: PASSPHRASE },
        ...{
          keep: 'none',
          memberName: 'Owner',
          workFactor: 4,
          showWords: words => void notes.next.push(words),
        },
      })
    notes.told = true
  },
  async check(disk, { next, told }) {
    const home = await opened(disk, OTHER)
    if (told) ok(home !== undefined, 'it is gone')
    if (home === undefined) return
    ok((await home.unlockRoot(PASSPHRASE)).id === home.rootId, 'its root is another')
    ok(
      next.some(words => idOf(words) === home.successorId),
      'nobody has seen its words',
    )
    await home.enrol()
  },
})
