import type { Stage } from './stage.ts'

/** One thing that went wrong somewhere, or could. It must not let anybody see another home. */
export interface Drill {
  readonly number: number
  readonly name: string
  /** What happens, in one sentence. */
  readonly says: string
  /** Plays it. What must hold is said by `stage.report.expect`; an error that nobody expects fails it too. */
  play(stage: Stage): Promise<void>
}
