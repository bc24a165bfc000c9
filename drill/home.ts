import { join } from 'node:path'
import { describeFailure } from '../cli/failure.ts'
import { foundAt } from '../demo/found-at.ts'
import type { Hub } from '../deploy/hub/hub.ts'
import { clipsAtHub } from '../home/clip-source.ts'
import { openClips } from '../home/clips.ts'
import type { Household } from '../home/household.ts'
import { Ledger } from '../home/ledger.ts'
import type { OpenedClip } from '../home/open-clip.ts'
import { recoverHousehold } from '../home/recover.ts'
import { describeNotice } from '../home/say-cameras.ts'
import type { Signer } from '../protocol/keys.ts'
import { releaseKind } from '../protocol/ownership.ts'
import { noticesAnswer } from '../protocol/registrar.ts'
import { recipientKind } from '../protocol/roster.ts'
import { makeStatement } from '../protocol/statement.ts'
import { disk } from '../storage/disk.ts'
import { KINDS, type Kind } from './kinds.ts'
import { Spy } from './spy.ts'

/** A home with its app: real keys in a folder of their own, and the curiosity to look for what is others'. */
export class Home {
  readonly name: string
  readonly folder: string
  root: Signer
  words: string
  readonly passphrase: string
  spy: Spy
  household: Household
  ledger: Ledger
  /** By clip id. */
  readonly opened = new Map<string, OpenedClip>()
  /** What this home's person was told, as the app says it. */
  readonly told: string[] = []

  private constructor(parts: {
    name: string
    folder: string
    root: Signer
    words: string
    passphrase: string
    household: Household
    ledger: Ledger
  }) {
    this.name = parts.name
    this.folder = parts.folder
    this.root = parts.root
    this.words = parts.words
    this.passphrase = parts.passphrase
    this.household = parts.household
    this.ledger = parts.ledger
    this.spy = new Spy(parts.household)
  }

  static async found(hub: Hub, folder: string, name: string): Promise<Home> {
    const { household, passphrase, words } = await foundAt(hub, folder, { name })
    const root = await household.unlockRoot(passphrase)
    const ledger = await Ledger.open(disk, folder)
    return new Home({ name, folder, root, words, passphrase, household, ledger })
  }

  get id(): string {
    return this.household.id
  }

  /** Opens what the store has of this home's; returns how many clips are open by now. */
  async open(): Promise<number> {
    const { tls } = await this.household.enrol()
    await this.household.refresh(tls)
    await this.household.refreshClaims(tls)
    const clips = await clipsAtHub(this.household.hub, tls, this.household.id)
    const fresh = clips.filter(({ clipId, parts }) => parts.includes('end') && !this.opened.has(clipId))
    const out = join(this.folder, 'opened')
    await disk.makeFolder(out)
    const { opened, refused } = await openClips(this.household, this.ledger, fresh, out)
    for (const clip of opened) this.opened.set(clip.clipId, clip)
    for (const { error } of refused) if (error.code !== 'clip.incomplete') this.hear(error)
    return this.opened.size
  }

  /** Which of the four kinds it has of this camera's. */
  kindsOf(deviceId: string): readonly Kind[] {
    const clips = [...this.opened.values()].filter(clip => clip.deviceId === deviceId)
    const has: Record<Kind, boolean> = {
      video: clips.length > 0,
      picture: clips.some(({ thumbnail }) => thumbnail !== null),
      sound: clips.some(({ audio }) => audio),
      faces: clips.some(({ faces }) => faces.length > 0),
    }
    return KINDS.filter(kind => has[kind])
  }

  /** The person reads a refusal as the app says it, on one line. */
  hear(error: unknown): void {
    const text = describeFailure(error)
      .split('\n')
      .map(line => line.trim())
      .filter(line => !line.startsWith('Code:'))
      .join(' ')
    if (!this.told.includes(text)) this.told.push(text)
  }

  /** Opens everything that the store has, as an app would that has forgotten what it saw; returns how many clips. */
  async reopen(): Promise<number> {
    const folder = join(this.folder, 'again')
    await disk.makeFolder(folder)
    const { tls } = await this.household.enrol()
    const clips = await clipsAtHub(this.household.hub, tls, this.household.id)
    const whole = clips.filter(({ parts }) => parts.includes('end'))
    const { opened } = await openClips(this.household, await Ledger.open(disk, folder), whole, folder)
    return opened.length
  }

  /** The kinds of notices that the hub has for this home; the person reads them. */
  async notices(): Promise<readonly string[]> {
    const { tls } = await this.household.enrol()
    const path = `/households/${this.id}/notices`
    const { notices } = await this.household.hub.getJson(path, tls, noticesAnswer)
    const { cameras } = await this.household.names()
    for (const notice of notices)
      this.told.push(describeNotice(notice, cameras[notice.deviceId] ?? notice.deviceId.slice(0, 12)))
    return notices.map(({ kind }) => kind)
  }

  /** The 24 words on another machine: a new root, new words, a new member; the other members stay out. */
  async recover(hub: Hub): Promise<void> {
    const folder = `${this.folder}-anew`
    const { words, passphrase } = this
    const { household } = await recoverHousehold({
      ...{ disk, folder, words, passphrase, keep: 'none', memberName: 'Owner', workFactor: 10 },
      hub: { url: hub.url, caId: hub.caId },
      showWords: text => {
        this.words = text
      },
    })
    this.household = household
    this.root = await household.unlockRoot(passphrase)
    this.ledger = await Ledger.open(disk, folder)
    this.spy = new Spy(household)
  }

  /** Whether there is a claim of this home for the device. */
  async owns(deviceId: string): Promise<boolean> {
    return (await this.household.claims()).some(claim => claim.deviceId === deviceId)
  }

  /** Lets a camera go, whatever the app has kept of it. */
  async release(deviceId: string, epoch: number): Promise<void> {
    const payload = { householdId: this.id, deviceId, epoch, issuedAt: new Date().toISOString() }
    const release = await makeStatement(releaseKind, payload, this.root)
    await this.household.hub.request(this.id, { action: 'release', release }, this.root)
  }

  /** This home's member, as another home's roster would name it. */
  async asMemberOf(householdId: string): Promise<{ memberId: string; recipient: string }> {
    const { member, roster } = this.household
    const [own] = roster.members.filter(({ memberId }) => memberId === member.id)
    if (own === undefined) throw new Error('no member')
    const payload = { householdId, memberId: member.id, number: 1, recipients: own.recipients }
    return { memberId: member.id, recipient: await makeStatement(recipientKind, payload, member) }
  }
}
