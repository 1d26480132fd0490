import { SeededRandom } from '@meridian/core/seeded-random'
import { expect, test } from 'vitest'
import { outcomeOf, type SeedOutcome } from './seed-outcome.js'
import { runInPool, type SeedWorkerEvents } from './seed-pool.js'
import { SeedTally } from './seed-tally.js'

const OPTIONS = { forMs: 200, members: false }
const SEEDS = { from: 11, count: 9 }

/** Real outcomes of short runs, and two failures. */
const OUTCOMES = new Map<number, SeedOutcome>()
for (let seed = SEEDS.from; seed < SEEDS.from + SEEDS.count; seed++)
  OUTCOMES.set(seed, seed % 4 === 1 ? { seed, problem: `problem ${seed}` } : outcomeOf(seed, OPTIONS))

interface Fake {
  readonly events: SeedWorkerEvents
  seed: number | undefined
  isStopped: boolean
}

/** Runs the seeds on fake workers, of which dice say who is next to answer; each of `fatal` kills its worker. */
const runOn = async (workers: number, dice: number, fatal: readonly number[] = []) => {
  const random = new SeededRandom(dice)
  const fakes: Fake[] = []
  const told: string[] = []
  const tally = new SeedTally(SEEDS.from, SEEDS.count, (seed, problem) => told.push(`${seed}: ${problem}`))
  const over = runInPool(
    SEEDS,
    workers,
    (events) => {
      const fake: Fake = { events, seed: undefined, isStopped: false }
      fakes.push(fake)
      return { run: (seed) => (fake.seed = seed), stop: () => (fake.isStopped = true) }
    },
    (outcome) => tally.add(outcome),
  )
  let mostAtOnce = 0
  for (;;) {
    const busy = fakes.filter(({ seed }) => seed !== undefined)
    if (busy.length === 0) break
    mostAtOnce = Math.max(mostAtOnce, busy.length)
    const fake = random.pick(busy)
    const seed = fake.seed!
    fake.seed = undefined
    if (fatal.includes(seed)) {
      fake.isStopped = true
      fake.events.died('its process ended with SIGKILL')
    } else fake.events.done(OUTCOMES.get(seed)!)
  }
  await over
  return { told, summary: tally.summary(), mostAtOnce, fakes }
}

test('[SM40] the report is the same whatever the number of workers, and whoever is faster', async () => {
  const alone = await runOn(1, 1)
  expect(alone.told).toEqual(['13: problem 13', '17: problem 17'])
  expect(alone.summary).toMatchObject({ seeds: 9, failures: 2, failed: [13, 17] })
  expect(alone.summary.acknowledged).toBeGreaterThan(0)
  for (let dice = 1; dice <= 50; dice++) {
    const workers = 2 + (dice % 10)
    const { told, summary, mostAtOnce, fakes } = await runOn(workers, dice)
    expect({ told, summary }).toEqual({ told: alone.told, summary: alone.summary })
    expect(mostAtOnce).toBe(Math.min(workers, SEEDS.count))
    expect(fakes.every(({ isStopped }) => isStopped || workers > SEEDS.count)).toBe(true)
  }
})

test('[SM41] a seed whose worker dies has failed, and the others are run', async () => {
  for (let dice = 1; dice <= 20; dice++) {
    const { told, summary, fakes } = await runOn(3, dice, [11, 13, 19])
    expect(summary.failed).toEqual([11, 13, 17, 19])
    expect(told).toEqual(
      [11, 13, 17, 19].map((seed) => (seed === 17 ? '17: problem 17' : `${seed}: its process ended with SIGKILL`)),
    )
    expect(fakes.every(({ isStopped }) => isStopped)).toBe(true)
  }
})
