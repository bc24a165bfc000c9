/** How pages look, on a screen and on A4. Nothing is told by colour alone. */
export const STYLE = `
:root { --ink: #1a1a1a; --soft: #55585e; --line: #c9ccd1; --good: #0b5d3b; --bad: #a11212; --wait: #7a4a00; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2.2rem 1.4rem 4rem; max-width: 46rem; color: var(--ink); background: #fff;
  font: 16px/1.5 "DejaVu Sans", "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .3rem; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; padding-top: .6rem; border-top: 2px solid var(--ink); }
h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; }
p, ul, ol { margin: .5rem 0; } li { margin: .25rem 0; }
.soft, figcaption, caption { color: var(--soft); }
.verdict { border: 2px solid var(--good); border-left-width: .7rem; padding: .8rem 1rem; margin: 1.2rem 0; font-size: 1.05rem; }
.verdict.bad { border-color: var(--bad); } .verdict.wait { border-color: var(--wait); }
.verdict p { margin: .2rem 0; } .verdict strong { font-size: 1.15rem; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1rem; font-size: .9rem; }
caption { text-align: left; padding: .2rem 0; font-size: .85rem; }
th, td { text-align: left; vertical-align: top; padding: .32rem .5rem; border-bottom: 1px solid var(--line); }
thead th { border-bottom: 2px solid var(--ink); } tbody th { font-weight: 600; }
.number, td.no { font-variant-numeric: tabular-nums; white-space: nowrap; }
.no-open { color: var(--good); font-weight: 700; } .open { color: var(--bad); font-weight: 700; } .wait-open { color: var(--wait); font-weight: 700; }
.marked { border-left: .35rem solid var(--line); } tr.fault { border-left-color: var(--bad); }
tr.report { border-left-color: var(--wait); } tr.answer { border-left-color: var(--good); }
code, .id { font: .82em/1.4 "DejaVu Sans Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; word-break: break-all; }
pre { background: #f4f5f6; border: 1px solid var(--line); padding: .7rem; white-space: pre-wrap; overflow-wrap: anywhere;
  font: .8rem/1.45 "DejaVu Sans Mono", Menlo, Consolas, monospace; }
.clock { display: flex; flex-wrap: wrap; gap: .6rem; margin: .6rem 0; }
.clock div { flex: 1 1 13rem; border: 1px solid var(--line); padding: .5rem .7rem; }
.clock b { display: block; font-size: 1.02rem; }
.fill { background: #fff3c4; border: 1px dashed var(--wait); padding: 0 .25rem; }
.skip { position: absolute; left: -99rem; } .skip:focus { left: 1rem; top: 1rem; background: #fff; padding: .4rem; }
footer { margin-top: 2.5rem; border-top: 1px solid var(--line); padding-top: .6rem; font-size: .8rem; color: var(--soft); }
@page { size: A4; margin: 18mm 16mm 20mm; @bottom-right { content: counter(page) " / " counter(pages); font: 9pt sans-serif; color: #55585e; } }
@media print {
  body { font-size: 10pt; max-width: none; padding: 0; } .skip { display: none; }
  h1, h2, h3, caption { break-after: avoid; } tr, caption, .verdict, .clock div, .keep, li { break-inside: avoid; } thead { display: table-header-group; }
  a { color: inherit; text-decoration: none; }
}
`
