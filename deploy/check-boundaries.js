// Checks who imports whom, by the rules of .dependency-cruiser.cjs. Fails as well when it has checked next to nothing:
// a compiler that the tool cannot read makes it find no import, and so no fault.
import { readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cruise } from 'dependency-cruiser'

const folders = [
  'protocol',
  'storage',
  'wire',
  'cli',
  'agent',
  'models',
  'hardware',
  'home',
  'deploy',
  'demo',
  'bench',
  'test',
]
const there = new Set(readdirSync('.'))
const { options, forbidden } = createRequire(import.meta.url)('../.dependency-cruiser.cjs')
const { output } = await cruise(['ownlens.ts', ...folders.filter(folder => there.has(folder))], {
  ...options,
  validate: true,
  ruleSet: { forbidden },
  exclude: { path: 'check-boundaries' },
})
const own = output.modules.filter(({ source }) => source.endsWith('.ts') && !source.includes('node_modules'))
const imports = own.reduce((sum, { dependencies }) => sum + dependencies.length, 0)
for (const { rule, from, to } of output.summary.violations)
  process.stderr.write(`${rule.name}: ${from} → ${to}\n`)
process.stdout.write(`${own.length} modules, ${imports} imports, ${output.summary.error} against the rules\n`)
if (own.length < 50 || imports < own.length) {
  process.stderr.write('That is too few to have been checked.\n')
  process.exitCode = 1
}
if (output.summary.error > 0) process.exitCode = 1
