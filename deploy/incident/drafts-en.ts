import type { Draft, Piece } from './draft.ts'
import type { DraftFacts } from './draft-facts.ts'
import { moment } from './timeline.ts'

const fill = (text: string): Piece => ({ fill: text })
const given = (text: string | undefined, what: string): Piece => text ?? fill(what)

/** GDPR Art. 33: to the supervisory authority, with what its paragraph 3 asks for. */
export function authorityEnglish(facts: DraftFacts): Draft {
  const { controller, contact, awareAt, due } = facts
  return {
    lang: 'en',
    title: 'Notification of a personal data breach (GDPR Art. 33)',
    note: `Draft. Whether to notify is yours to decide: Art. 33 (1) asks for it unless a risk to people is unlikely. To be sent by ${moment(due)}, 72 hours after you came to know of it. What only you know is marked.`,
    sections: [
      {
        heading: '1. Who notifies',
        paragraphs: [
          ['Controller: ', given(controller, 'name, address, registration')],
          [
            'Data protection officer or other contact (Art. 33 (3) b): ',
            given(contact, 'name, e-mail, telephone'),
          ],
          ['Our reference: ', facts.incidentId],
        ],
      },
      {
        heading: '2. When',
        paragraphs: [
          [`We came to know of it on ${moment(awareAt)}. The 72 hours end on ${moment(due)}.`],
          [`It concerns the time from ${moment(facts.from)} to ${moment(facts.to)}.`],
          ...(facts.isLate
            ? [['This notification is late because (Art. 33 (1)): ', fill('reasons for the delay')]]
            : []),
          [
            facts.state === 'closed' || facts.state === 'fixed'
              ? 'This notification is complete as far as we know.'
              : 'Further information follows in phases (Art. 33 (4)).',
          ],
        ],
      },
      {
        heading: '3. Nature of the breach (Art. 33 (3) a)',
        paragraphs: [
          [facts.title],
          ...facts.collisions.map(({ serial, cameras }) => [
            `${cameras} home cameras bore the same identification number, ${serial}.`,
          ]),
          [nature(facts)],
          ['Cause: ', facts.cause ?? fill('cause, or “under investigation”')],
        ],
      },
      {
        heading: '4. Categories and approximate numbers (Art. 33 (3) a)',
        paragraphs: [
          [
            `– People: members of ${facts.homes} ${facts.homes === 1 ? 'home' : 'homes'} with a camera, ${facts.members} registered users in all; and whoever was filmed in their rooms, which may include children, guests and staff. Their number: about `,
            fill('estimate; it cannot be counted, the recordings are sealed'),
          ],
          [
            `– Records: ${facts.clips} sealed video recordings of ${facts.cameras} cameras in our store, with sound, preview pictures and marks of where faces are. No names, no addresses, no data of Art. 9 are processed to identify anybody `,
            fill('confirm, or correct'),
          ],
          [`– Reports that reached us: ${facts.reports}.`],
        ],
      },
      {
        heading: '5. Likely consequences (Art. 33 (3) c)',
        paragraphs: [[consequences(facts)], [residual(facts)]],
      },
      {
        heading: '6. Measures taken or proposed (Art. 33 (3) d)',
        paragraphs: [
          [
            '– Fix: ',
            facts.fix ?? fill('what was or will be done'),
            facts.release === null ? '' : ` Released in ${facts.release}.`,
          ],
          [
            '– The evidence was frozen when the report came in, and every step stands in an append-only log that anybody can check.',
          ],
          ['– The homes concerned are told in their app, with cause, fix and state.'],
          [
            '– Our whole log was searched for the same fault elsewhere: ',
            fill('result; see “Is it anywhere else?” on the incident page'),
          ],
        ],
      },
      {
        heading: '7. Communication to the people concerned (Art. 34)',
        paragraphs: [[communication(facts)], ['Decision: ', fill('sent on …, or not required because …')]],
      },
      {
        heading: '8. Enclosed',
        paragraphs: [
          [
            'Incident page with timeline (incident.pdf), the log and its records, and how to check them offline.',
          ],
        ],
      },
    ],
  }
}

/** GDPR Art. 34: to the people, in plain language, with what its paragraph 2 asks for. */
export function peopleEnglish(facts: DraftFacts): Draft {
  return {
    lang: 'en',
    title: 'What happened to your camera, and what it means for you',
    note: 'Draft of a letter to the homes concerned (GDPR Art. 34). What only you know is marked.',
    sections: [
      {
        heading: 'What happened',
        paragraphs: [
          [`On ${moment(facts.awareAt)} we came to know of this: ${sentence(facts.title)}`],
          ...facts.collisions.map(({ cameras }) => [
            `${cameras} of our cameras were given the same identification number by mistake. Each number should be there once.`,
          ]),
          [
            facts.cause === null
              ? 'We are still looking for the cause.'
              : `Why it happened: ${sentence(facts.cause)}`,
          ],
        ],
      },
      {
        heading: 'Could anybody see into your home?',
        paragraphs: [[forPeople(facts)], [limits(facts)]],
      },
      {
        heading: 'What we have done',
        paragraphs: [
          [
            facts.fix ?? fill('what was or will be done'),
            facts.release === null ? '' : ` (version ${facts.release})`,
          ],
          [
            'Everything that the hub did stands in a log that cannot be changed afterwards. Your app keeps watch over it: `ownlens home log`.',
          ],
        ],
      },
      {
        heading: 'What you can do',
        paragraphs: [
          ['– See whether your camera is yours and works: `ownlens home cameras`.'],
          [
            '– If you ever see something that is not your home, tell us: `ownlens home report`. You get a signed receipt, and we owe you an answer within 72 hours.',
          ],
          ...(facts.seen === 'none'
            ? []
            : [
                [
                  '– Until you hear from us, switch the camera off, or cover it, in rooms that matter to you.',
                ],
              ]),
        ],
      },
      {
        heading: 'Whom to ask',
        paragraphs: [
          ['Controller: ', given(facts.controller, 'name and address')],
          [
            'Contact: ',
            given(facts.contact, 'name, e-mail, telephone of the data protection officer or another contact'),
          ],
          [
            'You may also complain to a data protection authority: ',
            fill('the authority that is competent for you'),
          ],
          ['Reference: ', facts.incidentId],
        ],
      },
    ],
  }
}

function nature({ seen, cameOver }: DraftFacts): string {
  const over = cameOver
    ? 'Sealed recordings of one home were delivered, or may have been delivered, to another home.'
    : 'Sealed recordings of one home were not delivered to another home.'
  if (seen === 'none')
    return `Kind: confidentiality, without disclosure of content. ${over} They could not be opened there: each camera seals to the keys of its own home only.`
  if (seen === 'some')
    return `Kind: confidentiality, with disclosure. ${over} Some of them could be opened there.`
  return `Kind: confidentiality. ${over} Whether they could be opened there is not known yet.`
}

function consequences({ seen }: DraftFacts): string {
  if (seen === 'none')
    return 'Nobody outside a home could see or hear anything of it. The content was unintelligible to everybody without that home’s keys (state of the art encryption, Art. 34 (3) a). We consider a risk to the rights and freedoms of people unlikely.'
  if (seen === 'some')
    return 'People in another home may have seen or heard the inside of a home: loss of privacy in its most protected place, knowledge of habits and absences, distress, and where recordings were kept, their further use. We consider the risk high.'
  return 'As long as it is not known whether content could be opened, a loss of privacy in people’s homes must be assumed.'
}

function residual({ seen }: DraftFacts): string {
  return seen === 'none'
    ? 'What remains: others may have learnt that a home recorded something, when and about how much; and a household was worried.'
    : 'In addition, others may have learnt when a home recorded something and about how much.'
}

function communication({ seen }: DraftFacts): string {
  return seen === 'none'
    ? 'Art. 34 does not require it where the data were unintelligible to who got them (Art. 34 (3) a). We inform the homes concerned all the same; a draft is enclosed.'
    : 'A high risk requires it without undue delay (Art. 34 (1)); a draft is enclosed.'
}

function forPeople({ seen, cameOver }: DraftFacts): string {
  if (seen === 'none')
    return `No. Your camera seals what it records with keys that only the members of your home have, before it sends anything.${cameOver ? ' Sealed files may have reached another home. Nobody there could open them: no video, no picture, no sound, no faces.' : ' Nothing of yours reached another home.'}`
  if (seen === 'some') return 'Yes, that was possible for some recordings. We are sorry.'
  return 'We do not know yet. As soon as we do, we write to you again.'
}

function limits({ seen }: DraftFacts): string {
  return seen === 'none'
    ? 'What others may have noticed is only that your camera sent something, when and how much.'
    : 'Look at your recordings of that time to see what may have been visible.'
}

const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`)
