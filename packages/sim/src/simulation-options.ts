import { type ConflictPolicy, NEWEST } from '@meridian/core'
import { POLICIES } from './policy-nemesis.js'
import type { NodeHooks } from './sim-node.js'

/** Faults that a rule of the store is robbed of, to see that the checkers notice. */
export interface Sabotage extends NodeHooks {
  readonly tamper?: (frame: Uint8Array) => Uint8Array
}

/** Virtual milliseconds until all faults end, if nothing else is said. */
export const FOR_MS = 6000

export interface SimulationOptions {
  readonly seed: number
  /** Virtual time under faults. Default 6 s. */
  readonly forMs?: number
  readonly sabotage?: Sabotage
  /** Whether clients ask for guarantees too; default true. Their traffic makes another run of a seed. */
  readonly barriers?: boolean
  /** Whether operators change the membership: by default in every other run. They do not change what else a seed does. */
  readonly members?: boolean
  /** Nothing but the membership: no clients, a network that loses nothing, regions cut off or down one at a time, many wishes. */
  readonly drill?: boolean
  /** Whether not the newest write wins but the one of the newest content and the best model: by default in every seventh run. */
  readonly contentModel?: boolean
  /**
   * Whether operators change the conflict policies: by default in every fifth run. Clients then say what their writes were made
   * from, which makes another run of a seed.
   */
  readonly policies?: boolean
  /** Nothing is cleaned and every log kept whole, so that each region must list exactly the conflicts that are open. */
  readonly areConflictsExact?: boolean
  /** Whether the views of one region miss some writes once all faults have ended, as a bug would have it. */
  readonly amnesia?: boolean
  /** Whether the disk of one region rots: by default in every third run. */
  readonly rot?: boolean
  /** Receives a readable line for everything that happens. */
  readonly trace?: (line: string) => void
}

/** Who takes part in a run, and for how long: what the options say, and the number of the seed where they are silent. */
export interface Cast {
  readonly forMs: number
  readonly isDrill: boolean
  /** Of every collection, at first. */
  readonly policy: ConflictPolicy
  readonly isPolicyChanging: boolean
  /** Whether clients say what their writes were made from. */
  readonly isMarking: boolean
  /** Whether clients ask for guarantees. */
  readonly hasBarriers: boolean
  readonly hasOperators: boolean
  readonly hasRot: boolean
}

/** Draws nothing: whoever takes part changes no other draw of a seed. */
export const castOf = (options: SimulationOptions): Cast => {
  const { seed, contentModel, areConflictsExact = false, drill: isDrill = false } = options
  const decides = contentModel ?? (!areConflictsExact && seed % 7 === 6)
  const isPolicyChanging = options.policies ?? (contentModel === undefined && !areConflictsExact && seed % 5 === 3)
  return {
    forMs: options.forMs ?? FOR_MS,
    isDrill,
    policy: decides ? POLICIES[1]! : NEWEST,
    isPolicyChanging,
    isMarking: decides || isPolicyChanging,
    hasBarriers: !isDrill && (options.barriers ?? true),
    hasOperators: options.members ?? (isDrill || seed % 2 === 0),
    hasRot: options.rot ?? (!areConflictsExact && seed % 3 === 1),
  }
}
