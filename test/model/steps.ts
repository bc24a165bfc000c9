import type { Pick } from './pick.ts'
import { attackerSteps } from './steps-attacker.ts'
import { cameraSteps } from './steps-camera.ts'
import { homeSteps } from './steps-home.ts'
import { hubSteps } from './steps-hub.ts'
import type { World } from './world.ts'

/** Does something in the world and says what came of it; refusals are thrown. */
export type Act = (world: World, pick: Pick) => Promise<string>

/** How often it comes, and what it does. */
export type Acts = Readonly<Record<string, { readonly weight: number; readonly act: Act }>>

export const ACTS = { ...homeSteps, ...cameraSteps, ...hubSteps, ...attackerSteps } satisfies Acts

export type StepName = keyof typeof ACTS

/** One step of a walk: what, and the numbers that its choices are made of. */
export interface Step {
  readonly name: StepName
  readonly picks: readonly number[]
}
