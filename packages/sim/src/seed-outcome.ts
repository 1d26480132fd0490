import { simulate } from './simulation.js'
import { FOR_MS } from './simulation-options.js'
import type { SimulationReport } from './simulation-report.js'
import { Violation } from './violation.js'

/** What all seeds of one command have in common. Plain data: it is sent to processes. */
export interface RunOptions {
  /** Virtual milliseconds until all faults end. */
  readonly forMs: number
  /** As in `SimulationOptions`. */
  readonly members?: boolean
  readonly policies?: boolean
}

/** How a run ended. Plain data. */
export type SeedOutcome =
  | { readonly seed: number; readonly report: SimulationReport }
  /** A promise that was broken, in words; or the stack of an error that nobody expected. */
  | { readonly seed: number; readonly problem: string }

export const outcomeOf = (seed: number, options: RunOptions): SeedOutcome => {
  try {
    return { seed, report: simulate({ seed, ...options }) }
  } catch (error) {
    return { seed, problem: error instanceof Violation ? error.message : String((error as Error).stack ?? error) }
  }
}

/** The flags that make one seed run again as it did. */
export const flagsOf = ({ forMs, members, policies }: RunOptions): string =>
  [forMs === FOR_MS ? '' : ` --for ${forMs}`, switchOf('members', members), switchOf('policies', policies)].join('')

const switchOf = (name: string, isOn: boolean | undefined): string =>
  isOn === undefined ? '' : isOn ? ` --${name}` : ` --no-${name}`
