import type { SeedOutcome } from './seed-outcome.js'
import type { SimulationReport } from './simulation-report.js'

const SUMMED = [
  'acknowledged',
  'refused',
  'boots',
  'transfers',
  'cleaned',
  'purged',
  'resyncs',
  'framesRefused',
] as const satisfies readonly (keyof SimulationReport)[]
type Summed = (typeof SUMMED)[number]

/** The sum over many seeds. */
export interface SeedSummary extends Readonly<Record<Summed, number>> {
  readonly seeds: number
  readonly failures: number
  readonly failed: readonly number[]
  readonly slowestHealMs: number
}

/**
 * Adds up the outcomes of consecutive seeds, which may come in any order: what it says is the same in each. Problems are told in
 * the order of their seeds, as soon as all seeds before have come. Holds no more than the problems that wait for that.
 */
export class SeedTally {
  readonly #totals = Object.fromEntries(SUMMED.map((key) => [key, 0])) as Record<Summed, number>
  readonly #failed: number[] = []
  /** Seeds that came before their turn, with their problems. */
  readonly #early = new Map<number, string | undefined>()
  #next: number
  #slowestHealMs = 0
  #done = 0

  constructor(
    from: number,
    readonly seeds: number,
    readonly tell: (seed: number, problem: string) => void,
  ) {
    this.#next = from
  }

  /** How many seeds have come. */
  get done(): number {
    return this.#done
  }

  /** How many were told to have failed. */
  get failures(): number {
    return this.#failed.length
  }

  add(outcome: SeedOutcome): void {
    this.#done++
    if ('report' in outcome) {
      const { report } = outcome
      for (const key of SUMMED) this.#totals[key] += report[key]
      this.#slowestHealMs = Math.max(this.#slowestHealMs, report.healedInMs)
    }
    this.#early.set(outcome.seed, 'problem' in outcome ? outcome.problem : undefined)
    for (; this.#early.has(this.#next); this.#next++) {
      const problem = this.#early.get(this.#next)
      this.#early.delete(this.#next)
      if (problem === undefined) continue
      this.#failed.push(this.#next)
      this.tell(this.#next, problem)
    }
  }

  summary(): SeedSummary {
    return {
      seeds: this.seeds,
      failures: this.#failed.length,
      failed: this.#failed,
      ...this.#totals,
      slowestHealMs: this.#slowestHealMs,
    }
  }
}
