import { KINDS_SEEN } from '../../protocol/incident.ts'
import { type Html, html } from './html.ts'
import type { Cell, Direction } from './matrix.ts'
import { homesOf, isUnknown, opened, type Story } from './story.ts'

const KINDS = { video: 'Video', picture: 'Pictures', sound: 'Sound', faces: 'Faces' } as const

/** Both directions between every two homes, and the four kinds: first what could be opened, then what came over. */
export function directionsSection({ directions, names, found }: Story): Html {
  if (directions.length === 0)
    return html`<section><h2>Who could see what</h2><p>Only one home is concerned: there is nobody else who could have seen anything.</p></section>`
  const row = (cells: (direction: Direction) => readonly Html[]) =>
    directions.map(one => {
      const name = html`${names.home(one.from)} <span aria-hidden="true">→</span><span class="skip"> to </span> ${names.home(one.to)}`
      return html`<tr><th scope="row">${name}</th>${cells(one)}</tr>`
    })
  const heads = KINDS_SEEN.map(kind => html`<th scope="col">${KINDS[kind]}</th>`)
  return html`<section><h2>Who could see what</h2>
<p>Two different questions: could anybody in another home <em>open</em> a recording, and did the sealed recording <em>come over</em> at all? Only the first decides who saw something.</p>
<table><caption>Could it be opened in the other home? (recorded in the first home → looked at from the second)</caption>
<thead><tr><th scope="col">From → to</th>${heads}</tr></thead>
<tbody>${row(one => one.cells.map(cell => html`<td>${open(cell)}</td>`))}</tbody></table>
<table><caption>Did it come over, still sealed? As far as anybody knows</caption>
<thead><tr><th scope="col">From → to</th>${heads}</tr></thead>
<tbody>${row(one => one.cells.map(cell => html`<td>${came(cell, one)}</td>`))}</tbody></table>
<p class="soft">“Reported”: the receiving home itself has counted it. “Not said”: that home has made no report. “Shut out”: the hub gives recordings to nobody but their own home. ${
    found.brokerRules
      ? ''
      : html`<strong>In this case the rules of the broker (the hub’s post office) were switched off: it handed everything to everybody who asked.</strong> So assume that everything came over.`
  }</p>
<table class="keep"><caption>Why not: the keys that recordings were sealed to, and the keys that the other home has</caption>
<thead><tr><th scope="col">From → to</th><th scope="col">Reason</th></tr></thead>
<tbody>${row(one => [html`<td>${reason(one, names.home(one.from), names.home(one.to))}</td>`])}</tbody></table>
</section>`
}

function came(cell: Cell, { toReported }: Direction): Html {
  switch (cell.came) {
    case 'told':
      return html`Reported: ${cell.things} ${cell.things === 1 ? 'file' : 'files'}, <span class="number">${size(cell.bytes)}</span>`
    case 'likely':
      return toReported ? html`None reported` : html`Not said; assume yes`
    case 'ruled':
      return toReported ? html`No: shut out, none reported` : html`No: shut out`
    case 'nothing':
      return html`No: nothing was recorded`
  }
}

function open({ couldOpen, opened: count }: Cell): Html {
  if (couldOpen === 'no') return html`<span class="no-open">No</span>`
  if (couldOpen === 'unknown') return html`<span class="wait-open">Not known</span>`
  return html`<span class="open">YES</span>${count > 0 ? ` (${count} opened)` : ''}`
}

function reason({ shared, fromKeys, toKeys, cells, isDoubted }: Direction, from: string, to: string): string {
  if (shared > 0) return 'A member, or a key, stands in the lists of both homes.'
  if (cells.some(({ opened: count }) => count > 0))
    return `${to} reports that its keys opened something of ${from}.`
  if (isDoubted)
    return `Something of ${from} or of ${to} is missing: a list of members that is not known may name other keys.`
  if (fromKeys === 0)
    return `No list of members of ${from} is known, so it cannot be said whom its cameras sealed to.`
  if (toKeys === 0) return `No list of members of ${to} is known, so its keys cannot be compared.`
  return `Sealed to the ${keys(fromKeys)} of ${from}’s members. ${to} has ${keys(toKeys)}. Not one of them is the same.`
}

const keys = (count: number): string => `${count} ${count === 1 ? 'key' : 'keys'}`

/** The chain of reasons, each with where it can be checked. */
export function whySection(story: Story): Html {
  const { found, names, disclosed, directions } = story
  const claims = found.facts.filter(({ said }) => said.kind === 'claim')
  const agreed = claims.filter(({ said }) => said.kind === 'claim' && said.agreed).length
  const lists = found.facts.filter(({ said }) => said.kind === 'household')
  const moved = found.devices.filter(deviceId => homesOf(found, deviceId).length > 1)
  const tried = found.reports.flatMap(({ report, evidence }) => {
    const foreign = evidence?.totals ?? []
    const [things, own] = [sum(foreign, 'things'), sum(foreign, 'opened')]
    return things === 0 ? [] : [{ home: names.home(report.householdId), own }]
  })
  return html`<section><h2>${opened(story).length > 0 || isUnknown(story) ? 'What it rests on' : 'Why that is certain'}</h2>
<ol>
<li><strong>Every recording is sealed on the camera</strong>, with the keys of its own home’s members, before it leaves it. Hub, broker and store only ever hold sealed files. Who has none of those keys has noise.</li>
<li><strong>Which home that is, the camera itself has signed.</strong> ${agreed} of ${claims.length} pairings in this report bear the camera’s own signature under the home that it joined, and that home’s signature over it (log entries ${positions(claims)}). No number printed on a box plays a part in it.</li>
<li><strong>Which keys those are, the home itself has signed.</strong> A camera takes a list of members only with the signature of the home that it joined. ${directions.some(one => one.isDoubted) ? 'Not every list that the hub had of these homes is known; those that are stand in the log' : 'Every list that the hub ever had of these homes is in the log'} (${lists.length}: entries ${positions(lists)}). Compared key by key, ${directions.some(({ shared }) => shared > 0) ? 'some homes share one; they are named above' : 'no two homes have one in common'}.</li>
${moved.map(deviceId => {
  const homes = homesOf(found, deviceId).map(names.home)
  return html`<li><strong>A camera that changes homes takes nothing along.</strong> What ${names.camera(deviceId)} recorded for ${homes.slice(0, -1).join(', ')} stays sealed to ${homes.slice(0, -1).join(', ')}; what it records since is sealed to ${homes.at(-1)}.</li>`
})}
${tried.map(({ home, own }) => html`<li><strong>It was tried.</strong> ${home} tried every key that it has on the sealed things that had reached it, were not its own, and whose beginning was there. ${own === 0 ? 'None opened.' : html`<span class="open">${own} OPENED.</span>`}</li>`)}
<li><strong>Nobody can have changed this afterwards.</strong> All of it stands in an append-only log of ${disclosed.size} entries. Changing one would change its signed head, which apps, cameras and witnesses keep. Anybody can check that: see “Check it yourself”.</li>
</ol></section>`
}

function sum<K extends 'things' | 'opened'>(totals: readonly Record<K, number>[], key: K): number {
  return totals.reduce((all, total) => all + total[key], 0)
}

function positions(facts: readonly { position: number | null }[]): string {
  const found = facts.flatMap(({ position }) => position ?? [])
  return found.length === 0 ? 'not in the log yet' : found.join(', ')
}

/** What this page cannot say: a reader must know where certainty ends. */
export function unknownSection(story: Story): Html {
  const { found, names, search, gaps, directions } = story
  const silent = found.homes
    .map(({ householdId }) => householdId)
    .filter(id => !found.reports.some(({ report }) => report.householdId === id))
  const erased = found.facts.filter(({ said }) => said.kind === 'erased').length
  const unlogged = found.facts.filter(({ position }) => position === null).length
  return html`<section><h2>What is not known</h2>
<ul>
${gaps.isCut ? html`<li>More cameras or homes than these are concerned: the hub follows no more than 200 of each. What they got is not known.</li>` : ''}
${gaps.cameras.map(({ deviceId, epochs }) => html`<li>Whose ${names.camera(deviceId)} was ${epochs.length === 1 ? `in its ownership no. ${epochs[0]}` : `in its ownerships nos. ${epochs.join(', ')}`}: nothing is known of it.</li>`)}
${gaps.reports > 0 ? html`<li>What ${gaps.reports} of the reports said that this incident answers: they were erased.</li>` : ''}
${gaps.opened.map(({ home, things }) => html`<li>Whose ${things} ${things === 1 ? 'thing is' : 'things are'} that ${names.home(home)}’s keys opened.</li>`)}
${directions.filter(one => one.isDoubted && names.home(one.from) < names.home(one.to)).map(({ from, to }) => html`<li>Every list of members of ${names.home(from)} and ${names.home(to)}: something of one of them was left out, was erased or does not hold.</li>`)}
${silent.length > 0 ? html`<li>What reached ${silent.map(names.home).join(', ')}: no report from there says it. </li>` : ''}
<li>Who stood before the cameras. Recordings are sealed; only the homes themselves can say who is in them.</li>
<li>What members of a home did with their own recordings, and what somebody with a member’s unlocked phone saw.</li>
<li>Whether a camera ran other software than it should. Somebody who has a camera in hand can read what it records itself.</li>
<li>Who noted that a home sent something, when and how much: whoever watches the network can see that, and nothing of what.</li>
${erased > 0 ? html`<li>What ${erased} entries said: their content was erased, as their owners may ask. The entries themselves stay.</li>` : ''}
${unlogged > 0 ? html`<li>${unlogged} of the lines below have no place in the log yet.</li>` : ''}
${search.opened < search.entries ? html`<li>What ${search.entries - search.opened} entries of the whole log said, which was searched for the same fault: they are closed.</li>` : ''}
</ul></section>`
}

/** Bytes for people. */
export function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`
  return bytes < 1_000_000 ? `${Math.round(bytes / 1000)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`
}
