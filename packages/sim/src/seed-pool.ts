import type { SeedOutcome } from './seed-outcome.js'

/** Runs one seed at a time. */
export interface SeedWorker {
  run(seed: number): void
  /** It is not needed any more. Nothing is said afterwards. */
  stop(): void
}

export interface SeedWorkerEvents {
  done(outcome: SeedOutcome): void
  /** It died, and says nothing any more. */
  died(why: string): void
}

/**
 * Runs consecutive seeds on several workers, one at a time each. Every seed has one outcome: that of one whose worker dies is a
 * problem that says so, and another worker takes its place.
 */
export const runInPool = (
  seeds: { readonly from: number; readonly count: number },
  workers: number,
  start: (events: SeedWorkerEvents) => SeedWorker,
  take: (outcome: SeedOutcome) => void,
): Promise<void> =>
  new Promise((resolve) => {
    const end = seeds.from + seeds.count
    let next = seeds.from
    let left = seeds.count
    const employ = (): void => {
      if (next === end) return
      let seed = next++
      const finish = (outcome: SeedOutcome): void => {
        take(outcome)
        if (--left === 0) resolve()
      }
      const worker = start({
        done: (outcome) => {
          finish(outcome)
          if (next === end) worker.stop()
          else {
            seed = next++
            worker.run(seed)
          }
        },
        died: (why) => {
          finish({ seed, problem: why })
          employ()
        },
      })
      worker.run(seed)
    }
    if (left === 0) resolve()
    for (let i = 0; i < workers; i++) employ()
  })
