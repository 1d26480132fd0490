/** The promises, as `docs/spec/sim.md` numbers them. */
export type Check =
  | 'identity'
  | 'stamps'
  | 'lost-write'
  | 'regression'
  | 'coverage'
  | 'search'
  | 'barrier'
  | 'linearizability'
  | 'membership'
  | 'conflict'
  | 'memory'
  | 'convergence'
  | 'liveness'

/** A promise of the store that a run broke. */
export class Violation extends Error {
  override readonly name = 'Violation'
  constructor(
    readonly check: Check,
    message: string,
  ) {
    super(`[${check}] ${message}`)
  }
}
