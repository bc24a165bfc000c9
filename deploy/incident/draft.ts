import { document, type Html, html } from './html.ts'
import { STYLE } from './style.ts'

/** A piece of a sentence: text, or something that only the operator can know, to be filled in. */
export type Piece = string | { readonly fill: string }

/** A letter or form that is ready but for what is marked. */
export interface Draft {
  readonly lang: 'en' | 'de'
  readonly title: string
  /** What it is, and what to do with it. */
  readonly note: string
  readonly sections: readonly Section[]
}

export interface Section {
  readonly heading: string
  /** A paragraph each; one that begins with a dash is an item of a list. */
  readonly paragraphs: readonly (readonly Piece[])[]
}

const FILL = { en: 'TO FILL IN', de: 'AUSFÜLLEN' } as const

/** As a page. */
export function draftPage({ lang, title, note, sections }: Draft): string {
  const pieces = (paragraph: readonly Piece[]): Html[] =>
    paragraph.map(piece =>
      typeof piece === 'string'
        ? html`${piece}`
        : html`<mark class="fill">[${FILL[lang]}: ${piece.fill}]</mark>`,
    )
  const body = html`<header><p class="soft">${note}</p><h1>${title}</h1></header><main>
${sections.map(({ heading, paragraphs }) => {
  const items = paragraphs.map(paragraph => {
    const [first, ...rest] = paragraph
    const isItem = typeof first === 'string' && first.startsWith('– ')
    return isItem ? html`<li>${pieces([first.slice(2), ...rest])}</li>` : html`<p>${pieces(paragraph)}</p>`
  })
  return html`<section class="keep"><h2>${heading}</h2>${grouped(items)}</section>`
})}</main>`
  return document({ lang, title, style: STYLE, body })
}

/** Items that follow each other are one list. */
function grouped(items: readonly Html[]): Html[] {
  const out: Html[] = []
  let list: Html[] = []
  const close = () => {
    if (list.length > 0) out.push(html`<ul>${list}</ul>`)
    list = []
  }
  for (const item of items) {
    if (item.text.startsWith('<li>')) list.push(item)
    else {
      close()
      out.push(item)
    }
  }
  close()
  return out
}

/** As plain text, for an e-mail or an authority's form. */
export function draftText({ lang, title, note, sections }: Draft): string {
  const paragraph = (pieces: readonly Piece[]) =>
    pieces.map(piece => (typeof piece === 'string' ? piece : `[${FILL[lang]}: ${piece.fill}]`)).join('')
  const parts = sections.map(({ heading, paragraphs }) =>
    [heading, '-'.repeat(heading.length), ...paragraphs.map(paragraph)].join('\n'),
  )
  return `${title}\n${'='.repeat(title.length)}\n\n${note}\n\n${parts.join('\n\n')}\n`
}
