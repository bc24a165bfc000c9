import type { Incident } from '../../protocol/incident.ts'
import { document, type Html, html } from './html.ts'
import { directionsSection, unknownSection, whySection } from './page-proof.ts'
import { checkSection, clockSection, fleetSection, timelineSection, whoSection } from './page-tables.ts'
import { homesOf, isUnknown, opened, type Story } from './story.ts'
import { STYLE } from './style.ts'
import { moment, quoted } from './timeline.ts'

export const STATE_WORDS: Readonly<Record<Incident['state'], string>> = {
  open: 'open: it is being looked into',
  fixing: 'known: it is being fixed',
  fixed: 'fixed',
  closed: 'closed',
}

/** The page on an incident: for somebody who was not there, to be read on a screen or printed on A4. */
export function incidentPage(story: Story): string {
  const { newest } = story.found
  const body = html`
<a class="skip" href="#short">Skip to what happened</a>
<header>
<p class="soft">Incident report · state: <strong>${STATE_WORDS[newest.state]}</strong> · as of ${moment(story.madeAt)}</p>
<h1>${newest.title}</h1>
</header>
<main>
${verdict(story)}
${shortSection(story)}
${clockSection(story)}
${directionsSection(story)}
${whySection(story)}
${unknownSection(story)}
${causeSection(story)}
${fleetSection(story)}
${timelineSection(story)}
${whoSection(story)}
${checkSection(story)}
</main>
<footer>Made by <code>ownlens incident page</code> on ${moment(story.madeAt)} from what the hub had frozen on ${moment(story.found.frozenAt)}.${story.found.earlier > 0 ? html` ${story.found.earlier} older records are not in it.` : ''}
Incident <span class="id">${newest.incidentId}</span>, word no. ${newest.number} of its operator. Times are the hub’s clock; the order is the log’s.
Names of homes and cameras were made for this page; their ids stand in the table “Who is who”.</footer>`
  return document({ lang: 'en', title: `Incident: ${newest.title}`, style: STYLE, body })
}

function verdict(story: Story): Html {
  const seen = opened(story)
  const { names } = story
  if (seen.length > 0)
    return html`<div class="verdict bad" role="note"><p><strong>A home could look into another.</strong></p>
${seen.map(({ from, to, kinds }) => html`<p>${names.home(to)} could open ${kinds.map(kind => KIND_WORDS[kind]).join(', ')} of ${names.home(from)}.</p>`)}</div>`
  if (isUnknown(story) || story.directions.length === 0)
    return html`<div class="verdict wait" role="note"><p><strong>Whether a home could look into another is not certain.</strong></p>
<p>Nothing shows that anybody could; but something that would show the contrary is missing. See “What is not known”.</p></div>`
  return html`<div class="verdict" role="note"><p><strong>No home could look into another.</strong></p>
<p>No video, no picture, no sound and no face of one home could be opened in another one. This holds whoever received the sealed recordings; why it is certain stands below.</p></div>`
}

export const KIND_WORDS = { video: 'video', picture: 'pictures', sound: 'sound', faces: 'faces' } as const

/** What happened in plain words, put together from what is recorded. */
function shortSection(story: Story): Html {
  const { found, names, collisions } = story
  const { newest } = found
  const twice = collisions.map(({ serial, cameras }) => {
    const list = inWords(cameras.map(names.camera))
    return html`<li><strong>Two cameras, one number.</strong> ${list} were given the same number, ${serial}. It is printed on the box and should be there once in the world.</li>`
  })
  const moved = found.devices.flatMap(deviceId => {
    const homes = homesOf(found, deviceId)
    if (homes.length === 0) return []
    const camera = names.camera(deviceId)
    const reset = found.facts.some(({ said }) => said.kind === 'reset' && said.deviceId === deviceId)
    const first = names.home(homes[0] ?? '')
    const later = homes.slice(1).map(names.home)
    const where =
      later.length === 0
        ? html`${camera} belongs to ${first}.`
        : html`${camera} belonged to ${first}${reset ? ', was reset at its button' : ''} and then came to ${inWords(later)}.`
    return [html`<li>${where}</li>`]
  })
  const reports = found.reports.toReversed().map(({ report, receipt, evidence }) => {
    const has =
      (evidence?.totals ?? []).length === 0
        ? ''
        : ` It listed what had reached it that is not its own: sealed files${evidence?.totals.some(({ opened: own }) => own > 0) ? ', some of which its keys opened' : ', which its keys do not open'}.`
    return html`<li><strong>${names.home(report.householdId)} reported</strong> on ${moment(receipt.receivedAt)}: ${quoted(report.says)}${has}</li>`
  })
  return html`<section id="short"><h2>What happened</h2>
<ul>${twice}${moved}${reports}</ul>
<ul>
<li><strong>Cause.</strong> ${newest.cause ?? 'It is not known yet.'}</li>
<li><strong>What was done.</strong> ${newest.fix ?? 'Nothing yet.'}${newest.release === null ? '' : ` (Release ${newest.release}.)`}</li>
</ul>
${
  collisions.length > 0
    ? html`<p>In a system where the number decides who sees what, such a pair shows each home the other’s rooms. Here the number decides nothing:
every camera seals what it records, before it sends it, with the keys of the people in its own home.</p>`
    : ''
}</section>`
}

function causeSection({ found: { newest, words } }: Story): Html {
  const said = (text: string | null, none: string) =>
    text === null ? html`<span class="soft">${none}</span>` : html`${text}`
  return html`<section><h2>Cause, fix, state</h2>
<table><caption>In the operator’s own, signed words (${words.length} so far)</caption><tbody>
<tr><th scope="row">Cause</th><td>${said(newest.cause, 'not known yet')}</td></tr>
<tr><th scope="row">Fix</th><td>${said(newest.fix, 'none yet')}</td></tr>
<tr><th scope="row">In release</th><td>${said(newest.release, 'none yet')}</td></tr>
<tr><th scope="row">State</th><td>${STATE_WORDS[newest.state]}, since ${moment(stateSince(words))}</td></tr>
</tbody></table></section>`
}

function stateSince(words: readonly Incident[]): string {
  const state = words.at(-1)?.state
  const before = words.findLastIndex(word => word.state !== state)
  return words[before + 1]?.issuedAt ?? ''
}

/** A, B and C. */
export function inWords(names: readonly string[]): string {
  const last = names.at(-1) ?? ''
  return names.length < 2 ? last : `${names.slice(0, -1).join(', ')} and ${last}`
}
