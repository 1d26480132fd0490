/** A promise of the store that a run broke. */
export class Violation extends Error {
  override readonly name = 'Violation'
  constructor(
    readonly check: 'identity' | 'stamps' | 'lost-write' | 'regression' | 'search' | 'convergence' | 'liveness',
    message: string,
  ) {
    super(`[${check}] ${message}`)
  }
}
