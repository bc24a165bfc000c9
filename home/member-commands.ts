import { readFile, writeFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { dataFolder } from '../cli/data-folder.ts'
import { say } from '../cli/say.ts'
import { heldBackBy } from '../protocol/roster.ts'
import { disk } from '../storage/disk.ts'
import { type Flags, takeNews, withHousehold, withRoot } from './command.ts'
import { addMember, inviteMember, joinHousehold, removeMember } from './members.ts'
import { describeRefusals, memberTable, NO_CLIPS } from './say.ts'

/** `home members …`: who belongs to the household. */
export function memberCommands(
  add: (name: string, says: string) => Command,
  addWithRoot: (name: string, says: string) => Command,
): void {
  add('list', 'list members').option('--json', 'for programs').action(listMembers)
  add('invite', 'write an invitation for a new member').argument('<file>').action(invite)
  add('join', 'on the new member’s machine: make keys and an answer')
    .argument('<invitation>')
    .argument('<answer>', 'the file to write for the owner')
    .option('--member-name <name>', 'your own', 'Member')
    .action(joinHome)
  addWithRoot('add', 'take a new member in').argument('<answer>').argument('<name>').action(addToRoster)
  addWithRoot('remove', 'take a member out').argument('<name>', 'or id').action(remove)
}

async function listMembers(flags: Flags): Promise<void> {
  await withHousehold(flags, async household => {
    const { refused } = await takeNews(household)
    for (const line of describeRefusals(NO_CLIPS, refused)) process.stderr.write(`${line}\n`)
    const members = household.roster.members.map(({ memberId }) => memberId)
    const names = await household.names()
    const held = heldBackBy(household.roster)
    if (flags.json) say(JSON.stringify({ roster: household.roster.number, members, x25519Only: held }))
    else say(memberTable(members, names, held))
  })
}

async function invite(file: string, flags: Flags): Promise<void> {
  await withHousehold(flags, async household => {
    await writeFile(file, inviteMember(household))
    say(`Hand ${file} to the new member. On the other machine: ownlens home members join ${file} answer.json`)
  })
}

async function joinHome(
  invitation: string,
  answer: string,
  flags: Flags & { memberName: string },
): Promise<void> {
  const folder = dataFolder('home', flags.data)
  const text = await joinHousehold(disk, folder, await readFile(invitation, 'utf8'), flags.memberName)
  await writeFile(answer, text)
  say(
    `Your keys are in ${folder}. Hand ${answer} to the owner, who runs: ownlens home members add ${answer} NAME`,
  )
}

async function addToRoster(answer: string, name: string, flags: Flags): Promise<void> {
  await withRoot(flags, async (household, root) => {
    const memberId = await addMember(household, root, await readFile(answer, 'utf8'), name)
    say(`${name} is a member (${memberId}). Cameras seal to ${name} from their next clip on.`)
  })
}

async function remove(nameOrId: string, flags: Flags): Promise<void> {
  await withRoot(flags, async (household, root) => {
    const memberId = await removeMember(household, root, nameOrId)
    say(
      `${memberId} is no member any more. Each camera’s status says from when on it seals without this member.`,
    )
  })
}
