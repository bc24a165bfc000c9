import { ANSWER_MS } from '../../protocol/incident.ts'
import { type Html, html } from './html.ts'
import { size } from './page-proof.ts'
import type { Story } from './story.ts'
import { moment } from './timeline.ts'

/** The hours that law and reports give, and what of them was kept. */
export function clockSection({ found, names, madeAt }: Story): Html {
  const due = new Date(Date.parse(found.newest.awareAt) + ANSWER_MS).toISOString()
  const reports = found.reports.toReversed().map(({ hash, report, receipt }) => {
    const first = answeredAt(found, hash)
    const after = first === undefined ? undefined : Date.parse(first) - Date.parse(receipt.receivedAt)
    const answered =
      after === undefined
        ? 'not answered yet'
        : `answered after ${span(after)}${first !== undefined && first > receipt.answerBy ? ', too late' : ', in time'}`
    return html`<div><span class="soft">Report of ${names.home(report.householdId)}</span><b>${answered}</b>received ${moment(receipt.receivedAt)}; an answer was due by ${moment(receipt.answerBy)}</div>`
  })
  const left = Date.parse(due) - Date.parse(madeAt)
  return html`<section><h2>The clock</h2><div class="clock">
<div><span class="soft">The operator came to know of it</span><b>${moment(found.newest.awareAt)}</b></div>
<div><span class="soft">The authority must be told by (GDPR Art. 33, 72 hours), if there is a risk to people</span><b>${moment(due)}</b>${left > 0 ? `${span(left)} left when this page was made` : `over since ${span(-left)} when this page was made`}</div>
${reports}</div></section>`
}

/** When the hub recorded the first word that names a report: what the operator wrote into it as its time proves nothing. */
function answeredAt({ words, facts }: Story['found'], hash: string): string | undefined {
  const first = words.find(({ reports }) => reports.includes(hash))
  return first && facts.find(({ said }) => said.kind === 'incident' && said.number === first.number)?.at
}

/** What happened, line by line, with the place of each in the log. */
export function timelineSection({ lines }: Story): Html {
  return html`<section><h2>Timeline</h2>
<table><caption>The number in the last column is the entry in the log that proves the line; “–” is what the hub told somebody, or has not logged</caption>
<thead><tr><th scope="col">When (UTC)</th><th scope="col">What</th><th scope="col">Log</th></tr></thead>
<tbody>${lines.map(({ at, text, weight, position }) => {
    return html`<tr class="marked ${weight}"><td class="number">${at.slice(0, 10)} ${at.slice(11, 16)}</td><td>${weight === 'fault' ? html`<strong>${text}</strong>` : text}</td><td class="number">${position ?? '–'}</td></tr>`
  })}</tbody></table></section>`
}

/** Whether the same is anywhere else. */
export function fleetSection({ search, collisions, names }: Story): Html {
  const { entries, opened, found, withMaker } = search
  const elsewhere = found.filter(({ isThis, certain }) => !isThis && certain)
  const here = found.filter(({ isThis, certain }) => isThis && certain)
  const doubtful = found.filter(({ certain }) => !certain).length
  const line = ({ what, positions }: (typeof found)[number]) =>
    html`<li>${what}: log entries ${positions.join(', ')}</li>`
  return html`<section><h2>Is it anywhere else?</h2>
<p>The whole log of this hub was searched, all cameras and homes: one number on several cameras, one key on several boards, one camera claimed by several homes at once, orders and stations that nobody entitled had signed. ${opened} of its ${entries} entries could be looked into${opened < entries ? `; ${entries - opened} are closed (erased)` : ''}.${withMaker ? '' : ' Certificates of the maker were not judged: its root was not given.'}</p>
<p><strong>${elsewhere.length === 0 ? 'Nothing of that kind was found outside this incident.' : `Found outside this incident: ${elsewhere.length}.`}</strong>${doubtful > 0 ? ` In ${doubtful} places something is missing that a closed entry may explain.` : ''}</p>
${elsewhere.length > 0 ? html`<ul>${elsewhere.map(line)}</ul>` : ''}
<p>In this incident:</p><ul>${here.map(line)}${collisions.map(({ serial, cameras }) => {
    return html`<li>the number ${serial}: borne by ${cameras.map(names.camera).join(' and ')}</li>`
  })}</ul></section>`
}

/** Short names and what they stand for. */
export function whoSection({ names, found, people }: Story): Html {
  const homes = names.homes.map(({ id, name }) => {
    const members = found.facts.findLast(
      ({ said }) => said.kind === 'household' && said.householdId === id,
    )?.said
    const count = members?.kind === 'household' ? `${members.members.length} in its newest list` : 'not known'
    return html`<tr><th scope="row">${name}</th><td>home; members: ${count}</td><td class="id">${id}</td></tr>`
  })
  const cameras = names.cameras.map(({ id, name }) => {
    const owner = found.homes.find(({ has }) => has.some(({ device_id }) => device_id === id))
    const whose = owner === undefined ? 'nobody’s now' : `now ${names.home(owner.householdId)}’s`
    return html`<tr><th scope="row">${name}</th><td>camera; ${whose}</td><td class="id">${id}</td></tr>`
  })
  const stations = names.stations.map(({ id, name }) => {
    return html`<tr><th scope="row">${name}</th><td>the maker’s station</td><td class="id">${id}</td></tr>`
  })
  const recordings = people.recordings.map(({ home, camera, clips, bytes }) => {
    return html`<tr><td>${names.camera(camera)}</td><td>${names.home(home)}</td><td class="number">${clips}</td><td class="number">${size(bytes)}</td></tr>`
  })
  return html`<section><h2>Who is who</h2>
<table><caption>Names on this page, and the ids behind them: hashes of keys, which say nothing about people</caption>
<thead><tr><th scope="col">Name</th><th scope="col">What</th><th scope="col">Id</th></tr></thead><tbody>${homes}${cameras}${stations}</tbody></table>
<table><caption>Sealed recordings that the hub’s store holds of these cameras</caption>
<thead><tr><th scope="col">Camera</th><th scope="col">For</th><th scope="col">Recordings</th><th scope="col">Size</th></tr></thead>
<tbody>${recordings.length === 0 ? html`<tr><td colspan="4">none</td></tr>` : recordings}</tbody></table></section>`
}

/** How anybody checks it without asking anybody. */
export function checkSection({ disclosed, found }: Story): Html {
  const { key, size: entries, root, records } = disclosed
  return html`<section><h2>Check it yourself</h2>
<p>Beside this page lie the log (<code>log/</code>) and the ${records} records that this page is made of (<code>records.jsonl</code>). No network and nobody’s word is needed:</p>
<pre>ownlens log verify log --key '${key}' --records records.jsonl</pre>
<p>The head that was signed: <span class="number">${entries}</span> entries, root <span class="id">${root}</span>. Compare it with the head that your own app shows (<code>ownlens home log</code>). Entries of the log that are not opened here are about other homes; without their salts nobody can tell what they say.</p>
${
  found.reports.length > 0
    ? html`<p>Whoever reported has the hub’s signed receipt: <code>ownlens home report --proof FILE</code> writes it down, <code>ownlens incident check FILE</code> checks it.</p>`
    : ''
}</section>`
}

function span(milliseconds: number): string {
  const minutes = Math.max(0, Math.round(milliseconds / 60_000))
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60]
  return hours === 0 ? `${rest} min` : `${hours} h ${rest} min`
}
