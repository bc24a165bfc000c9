/** A piece of a page that needs no escaping any more. */
export class Html {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

type Value = Html | string | number | null | undefined | false | readonly Value[]

/** A page's template: every value is escaped, but pieces that were made by this very function. */
export function html(parts: TemplateStringsArray, ...values: readonly Value[]): Html {
  return new Html(parts.map((part, index) => part + written(values[index])).join(''))
}

function written(value: Value): string {
  if (value instanceof Html) return value.text
  if (Array.isArray(value)) return value.map(written).join('')
  if (value === null || value === undefined || value === false) return ''
  return escaped(String(value))
}

const ENTITIES: Readonly<Record<string, string>> = {
  ...{ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' },
}

/** What others wrote: no mark-up, no control characters, no marks that turn the direction of writing. */
function escaped(text: string): string {
  return text
    .replace(/[^\P{Cc}\n\t]|[\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, '\ufffd')
    .replace(/[&<>"']/g, character => ENTITIES[character] ?? '')
}

/** A whole page for screen and A4: no script, nothing from elsewhere. */
export function document(about: { lang: string; title: string; style: string; body: Html }): string {
  const policy = "default-src 'none'; style-src 'unsafe-inline'"
  return `<!doctype html>
${
  html`<html lang="${about.lang}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>${about.title}</title>
<style>${new Html(about.style)}</style>
</head>
<body>
${about.body}
</body>
</html>
`.text
}`
}
