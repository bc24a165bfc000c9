import { mayPublish, maySubscribe } from '../../deploy/hub/access.ts'
import { makeRecoveryWords, successorKey } from '../../home/successor.ts'
import { householdIdOf } from '../../protocol/ids.ts'
import { writeInvitation } from '../../protocol/invitation.ts'
import { publicKeyOf } from '../../protocol/keys.ts'
import { certificateUri } from '../../protocol/registrar.ts'
import { deviceTopic } from '../../protocol/topics.ts'
import { newSigner } from '../support/people.ts'
import type { IdVectors, RightVector, TextVector } from './format.ts'

const [homeId, rootId, deviceId, memberId] = [newSigner().id, newSigner().id, newSigner().id, newSigner().id]
const CLIP = 'abcdefghijklmnopqrstuvwxyz'
const own = deviceTopic({ householdId: homeId, epoch: 3, deviceId })
/** 256 bits leave one spare in the last character. */
const strayed = (id: string) => id.slice(0, -1) + (id.endsWith('a') ? 'b' : 'r')

export function topicVectors(): readonly TextVector[] {
  const address = { householdId: homeId, epoch: 3, deviceId }
  const parts = ['open', '0', '99999', 'h0', 'h99999', 'thumb', 'end']
  const good: Readonly<Record<string, object>> = Object.fromEntries([
    ...parts.map(part => [`clip/${CLIP}/${part}`, { kind: 'clip', clipId: CLIP, part }] as const),
    ...['alert', 'status', 'gap', 'command', 'people', 'ack'].map(kind => [kind, { kind }] as const),
    [`live/${CLIP}`, { kind: 'live', session: CLIP }] as const,
  ])
  const bad = [
    '',
    'clip',
    `clip/${CLIP}`,
    'Alert',
    'alert/',
    'alert/x',
    '+',
    '#',
    'clip/+/+',
    `clip/${CLIP}/00`,
  ]
    .concat(['01', '100000', 'h', 'h01', 'hthumb', '-1', 'END', '..'].map(part => `clip/${CLIP}/${part}`))
    .concat(`clip/${CLIP.slice(1)}/0`, `clip/${CLIP.toUpperCase()}/0`, 'live/x', 'alert\n', ' alert')
  const addresses = {
    'epoch 0': own.replace('/3/', '/0/'),
    'epoch 2^32': own.replace('/3/', '/4294967296/'),
    'epoch with a zero before it': own.replace('/3/', '/03/'),
    'another version': own.replace('/1/', '/2/'),
    'another tree': own.replace('ownlens', 'netlens'),
    'a slash before it': `/${own}`,
    'ids in upper case': own.toUpperCase(),
    'stray bits in the household’s id': own.replace(homeId, strayed(homeId)),
    'stray bits in the device’s id': own.replace(deviceId, strayed(deviceId)),
  }
  return [
    ...Object.entries(good).map(([rest, what]) => ({
      name: rest,
      text: `${own}/${rest}`,
      expect: { ...address, ...what },
    })),
    {
      name: 'the last epoch',
      text: `${own.replace('/3/', '/4294967295/')}/ack`,
      expect: { ...address, epoch: 0xffffffff, kind: 'ack' },
    },
    ...bad.map(rest => ({ name: `${JSON.stringify(rest)} is none`, text: `${own}/${rest}`, expect: null })),
    ...Object.entries(addresses).map(([name, text]) => ({ name, text: `${text}/status`, expect: null })),
  ]
}

export function certificateVectors(): readonly TextVector[] {
  const device = certificateUri({ kind: 'device', householdId: homeId, epoch: 3, id: deviceId })
  const member = certificateUri({ kind: 'member', householdId: homeId, id: memberId })
  const bad = {
    'epoch 0': device.replace(':3:', ':0:'),
    'epoch 2^32': device.replace(':3:', ':4294967296:'),
    'no epoch': device.replace(':3:', ':'),
    'a member with an epoch': member.replace('member:', 'member:3:'),
    'the hub': 'ownlens:hub',
    'more behind it': `${device}:admin`,
    'a space': ` ${member}`,
    'upper case': member.toUpperCase(),
    'stray bits': device.replace(deviceId, strayed(deviceId)),
    nothing: '',
  }
  return [
    {
      name: 'a device',
      text: device,
      expect: { kind: 'device', householdId: homeId, epoch: 3, id: deviceId },
    },
    { name: 'a member', text: member, expect: { kind: 'member', householdId: homeId, id: memberId } },
    ...Object.entries(bad).map(([name, text]) => ({ name, text, expect: null })),
  ]
}

export function invitationVectors(): readonly TextVector[] {
  const secret = Uint8Array.from({ length: 16 }, (_, index) => index)
  const of = (hubUrl: string) => writeInvitation({ rootId, secret, hubUrl, caId: memberId })
  const good = of('https://hub.local:8443')
  const bad: Readonly<Record<string, string>> = {
    'in lower case → invitation.form': good.toLowerCase(),
    'another mark → invitation.form': good.replace('OL1', 'OL2'),
    'no port → invitation.form': good.replace(':8443', ''),
    'a zero before the port → invitation.form': good.replace(':8443', ':08443'),
    'port 65536 → invitation.form': good.replace(':8443', ':65536'),
    'a user in the host → invitation.form': good.replace('HUB', 'ME@HUB'),
    'a path in the host → invitation.form': good.replace('LOCAL', 'LOCAL/X'),
    'a letter that becomes an ASCII one → invitation.form': good.replace('HUB', '\u212aUB'),
    'keys cut short → invitation.form': good.replace(/^OL1:../, 'OL1:'),
    'an address → invitation.form': 'https://hub.local:8443',
    'nothing → invitation.form': '',
    '161 characters → invitation.size': good.replace('HUB', 'H'.repeat(161 - good.length + 3)),
  }
  const hosts = [
    'https://hub.local:8443',
    'https://192.168.178.123:8443',
    'https://[fd00::1]:8443',
    'https://hub.example',
  ]
  return [
    ...hosts.map(url => ({
      name: url,
      text: of(url),
      expect: { rootId, secret: Buffer.from(secret).toString('hex'), hubUrl: url, caId: memberId },
    })),
    ...Object.entries(bad).map(([named, text]) => {
      const [name = '', expect = ''] = named.split(' → ')
      return { name, text, expect }
    }),
  ]
}

/** The table of rights in PROTOCOL 6.1, said once more by hand. */
export function rightVectors(): readonly RightVector[] {
  const device = { kind: 'device', householdId: homeId, epoch: 3, id: deviceId } as const
  const member = { kind: 'member', householdId: homeId, id: memberId } as const
  const elsewhere = [own.replace(homeId, rootId), own.replace('/3/', '/2/'), own.replace(deviceId, memberId)]
  const home = `ownlens/1/${homeId}`
  const mine = [`clip/${CLIP}/0`, 'alert', 'status', 'gap', `live/${CLIP}`].map(rest => `${own}/${rest}`)
  const theirs = ['command', 'people'].map(rest => `${own}/${rest}`)
  const table = [
    [
      device,
      'publish',
      mine,
      [...theirs, `${own}/ack`, `${own}/x`, own, ...elsewhere.map(base => `${base}/alert`)],
    ],
    [
      device,
      'subscribe',
      [...theirs, `${own}/ack`],
      [...mine, `${own}/#`, `${own}/+`, '#', ...elsewhere.map(base => `${base}/ack`)],
    ],
    [member, 'publish', theirs, [...mine, `${own}/ack`, `${home}/3/+/command`, `${elsewhere[0]}/command`]],
    [
      member,
      'subscribe',
      [`${home}/#`, `${home}/+/+/alert`, `${home}/+/+/clip/+/end`, ...mine],
      [
        '#',
        '+/#',
        'ownlens/#',
        'ownlens/1/#',
        'ownlens/1/+/+/+/alert',
        `ownlens/1/${rootId}/#`,
        '$SYS/#',
        `$share/a/${home}/#`,
      ],
    ],
  ] as const
  return table.flatMap(([name, verb, may, mayNot]) => {
    const allowed = verb === 'publish' ? mayPublish : maySubscribe
    const certificate = certificateUri(name)
    return [...may.map(topic => [topic, true] as const), ...mayNot.map(topic => [topic, false] as const)].map(
      ([topic, expect]) => {
        if (allowed(name, topic) !== expect) throw new Error(`${verb} ${topic} is not ${expect}`)
        return { certificate, verb, topic, expect }
      },
    )
  })
}

export function idVectors(): IdVectors {
  const keys = [newSigner(), newSigner()].map(({ spki, id }) => ({
    spki: Buffer.from(spki).toString('base64'),
    id,
  }))
  const [firstRootId = '', firstSuccessorId = ''] = keys.map(({ id }) => id)
  const words = makeRecoveryWords()
  // In another order the checksum fails in all but one of 256 cases.
  const wrong = Array.from({ length: 24 }, (_, turn) => {
    const list = words.split(' ')
    return [...list.slice(turn), ...list.slice(0, turn)].join(' ')
  }).slice(1)
  return {
    keys,
    households: [
      { firstRootId, firstSuccessorId, householdId: householdIdOf(firstRootId, firstSuccessorId) },
    ],
    recoveryWords: [
      { words, expect: publicKeyOf(successorKey(words)).id },
      { words: ` ${words.toUpperCase()}\n`, expect: publicKeyOf(successorKey(words)).id },
      { words: wrong.find(invalid) ?? '', expect: 'home.words' },
      { words: words.split(' ').slice(1).join(' '), expect: 'home.words' },
    ],
  }
}

function invalid(words: string): boolean {
  try {
    successorKey(words)
    return false
  } catch {
    return true
  }
}
