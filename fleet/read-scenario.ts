import { type Document, isMap, isSeq, LineCounter, type Node, type ParsedNode, parseDocument } from 'yaml'
import type { z } from 'zod'
import { parseConfig } from '../agent/config.ts'
import { codeOf, OwnlensError } from '../protocol/errors.ts'
import { type Scenario, scenarioSchema } from './scenario.ts'

/** Larger files are no scenario. */
const SCENARIO_MAX = 1024 * 1024

/** A mistake in a scenario file. */
export interface Mistake {
  /** Counted from 1. */
  readonly line: number
  /** `homes[0].cameras[1].name` */
  readonly where: string
  readonly says: string
}

/**
 * Reads a scenario, YAML or JSON.
 *
 * @throws ScenarioError `fleet.scenario` with every mistake at once, each with its line and what is allowed there.
 */
export function readScenario(text: string): Scenario {
  if (text.length > SCENARIO_MAX) throw new OwnlensError('fleet.scenario', `more than ${SCENARIO_MAX} bytes`)
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, merge: false })
  const broken = document.errors.map(({ message, pos }) => ({
    line: lines.linePos(pos[0]).line,
    where: 'file',
    says: message.split('\n')[0] ?? message,
  }))
  if (broken.length > 0) throw new ScenarioError(broken)
  const parsed = scenarioSchema.safeParse(plain(document) ?? {})
  const lineOf = (path: readonly PropertyKey[]) => lineAt(document.contents, path, lines)
  if (!parsed.success)
    throw new ScenarioError(parsed.error.issues.flatMap(issue => mistakesOf(issue, lineOf)))
  const meant = meaningless(parsed.data, lineOf)
  if (meant.length > 0) throw new ScenarioError(meant)
  return parsed.data
}

/** `fleet.scenario`, with all that is wrong, by line. */
export class ScenarioError extends OwnlensError {
  readonly mistakes: readonly Mistake[]

  constructor(mistakes: readonly Mistake[]) {
    super('fleet.scenario', mistakes.length === 1 ? '1 mistake' : `${mistakes.length} mistakes`)
    this.mistakes = mistakes.toSorted((a, b) => a.line - b.line)
  }
}

/** Throws `fleet.scenario` for aliases that lead nowhere or too far. */
function plain(document: Document): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 })
  } catch (cause) {
    throw new ScenarioError([{ line: 1, where: 'file', says: (cause as Error).message }])
  }
}

type LineOf = (path: readonly PropertyKey[]) => number

function mistakesOf(issue: z.core.$ZodIssue, lineOf: LineOf): readonly Mistake[] {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map(key => ({
      line: lineOf([...issue.path, key]),
      where: pathOf([...issue.path, key]),
      says: `there is no such field; allowed are ${fieldsAt(issue.path).join(', ')}`,
    }))
  return [{ line: lineOf(issue.path), where: pathOf(issue.path), says: issue.message }]
}

/** What the schema cannot say: names that must exist, settings that the agent must take. */
function meaningless({ homes, networks, faults }: Scenario, lineOf: LineOf): readonly Mistake[] {
  const mistakes: Mistake[] = []
  const add = (path: readonly PropertyKey[], says: string) =>
    mistakes.push({ line: lineOf(path), where: pathOf(path), says })
  for (const [h, home] of homes.entries())
    for (const [c, { network, settings }] of home.cameras.entries()) {
      const path = ['homes', h, 'cameras', c]
      if (network !== undefined && networks[network] === undefined)
        add([...path, 'network'], `“${network}” is not in networks`)
      try {
        parseConfig({ ...settings })
      } catch (error) {
        if (codeOf(error) !== 'config.invalid') throw error
        add([...path, 'settings'], (error as OwnlensError).message)
      }
    }
  for (const [f, { what, on }] of faults.entries())
    if (what.name.startsWith('hub.') && on !== '*') add(['faults', f, 'on'], 'a hub’s fault has no devices')
  return mistakes
}

/** The line of what is at this path, or of what is nearest above it. */
function lineAt(root: ParsedNode | null, path: readonly PropertyKey[], lines: LineCounter): number {
  let node: Node | null = root
  let offset = root?.range?.[0] ?? 0
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find(item => String((item.key as { value?: unknown })?.value) === String(step))
      if (pair === undefined) break
      offset = (pair.key as ParsedNode).range?.[0] ?? offset
      node = pair.value as Node | null
    } else if (isSeq(node)) {
      node = (node.items[Number(step)] as Node | undefined) ?? null
      offset = node?.range?.[0] ?? offset
    } else break
    if (node === null) break
  }
  return lines.linePos(offset).line
}

function pathOf(path: readonly PropertyKey[]): string {
  const text = path.map(step => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`)).join('')
  return text.replace(/^\./, '') || 'file'
}

/** The fields that the schema has there. */
function fieldsAt(path: readonly PropertyKey[]): readonly string[] {
  let at: unknown = scenarioSchema
  for (const step of path) {
    const inner = bare(at)
    at = typeof step === 'number' ? inner.element : (inner.shape?.[String(step)] ?? inner.valueType)
  }
  return Object.keys(bare(at).shape ?? {})
}

interface Shaped {
  readonly shape?: Record<string, unknown>
  readonly element?: unknown
  readonly valueType?: unknown
}

/** The schema without defaults around it. */
function bare(schema: unknown): Shaped {
  let at = schema as { unwrap?: () => unknown; shape?: object; element?: unknown }
  while (at.shape === undefined && at.element === undefined && at.unwrap !== undefined)
    at = at.unwrap() as typeof at
  return at as Shaped
}
