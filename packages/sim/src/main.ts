import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { flagsOf, outcomeOf, type RunOptions, type SeedOutcome } from './seed-outcome.js'
import { runInPool } from './seed-pool.js'
import { startProcess } from './seed-process.js'
import { SeedTally } from './seed-tally.js'
import { simulate } from './simulation.js'
import { FOR_MS } from './simulation-options.js'
import { Violation } from './violation.js'

const USAGE =
  'usage: npm run sim -- [--seeds N] [--from SEED] [--workers N] | --seed N; both with [--for MS] [--members | --no-members] [--policies | --no-policies]'
const WORKERS_MAX = 1024

/**
 * `--seeds N` runs N seeds and prints a line each that fails; `--seed N` replays one with a trace. `--for MS`: virtual time until all
 * faults end. `--members`: operators change the membership in every run, `--no-members`: in none; by default in every other.
 * `--policies` and `--no-policies`: they change the conflict policies, by default in every fifth.
 * `--workers N`: processes that share the seeds, by default one for each processor; what is said is the same for any number.
 */
const main = async (): Promise<number> => {
  let values: Partial<Record<'seeds' | 'seed' | 'from' | 'for' | 'workers', string>> &
    Partial<Record<'members' | 'no-members' | 'policies' | 'no-policies', boolean>>
  try {
    values = parseArgs({
      options: {
        seeds: { type: 'string' },
        seed: { type: 'string' },
        from: { type: 'string' },
        for: { type: 'string' },
        workers: { type: 'string' },
        members: { type: 'boolean' },
        'no-members': { type: 'boolean' },
        policies: { type: 'boolean' },
        'no-policies': { type: 'boolean' },
      },
    }).values
  } catch (error) {
    return refuse((error as Error).message)
  }
  const number = (text: string | undefined, fallback: number): number => (text === undefined ? fallback : Number(text))
  const [one, seeds, from] = [number(values.seed, -1), number(values.seeds, 200), number(values.from, 1)]
  const [forMs, workers] = [number(values.for, FOR_MS), number(values.workers, availableParallelism())]
  if (![one, seeds, from, forMs, workers].every(Number.isSafeInteger))
    return refuse('seeds, times and workers are integers')
  if (seeds < 1 || workers < 1 || workers > WORKERS_MAX)
    return refuse(`--seeds must be at least 1, --workers between 1 and ${WORKERS_MAX}`)
  const isAsked = (yes?: boolean, no?: boolean): boolean | undefined => (yes ? true : no ? false : undefined)
  const members = isAsked(values.members, values['no-members'])
  const policies = isAsked(values.policies, values['no-policies'])
  const options: RunOptions = {
    forMs,
    ...(members === undefined ? {} : { members }),
    ...(policies === undefined ? {} : { policies }),
  }
  return values.seed === undefined ? runMany(from, seeds, Math.min(workers, seeds), options) : replay(one, options)
}

const refuse = (why: string): number => {
  console.error(`${why}\n${USAGE}`)
  return 2
}

const replay = (seed: number, options: RunOptions): number => {
  try {
    console.log(JSON.stringify(simulate({ seed, ...options, trace: (line) => console.log(line) }), undefined, 2))
    return 0
  } catch (error) {
    console.error(error instanceof Violation ? `seed ${seed}: ${error.message}` : error)
    return 1
  }
}

const runMany = async (from: number, seeds: number, workers: number, options: RunOptions): Promise<number> => {
  const startedAt = performance.now()
  const tally = new SeedTally(from, seeds, (seed, problem) => {
    clearProgress()
    console.error(`seed ${seed}: ${problem}`)
    console.error(`  replay: npm run sim -- --seed ${seed}${flagsOf(options)}`)
  })
  const take = (outcome: SeedOutcome): void => {
    tally.add(outcome)
    showProgress(tally.done, seeds, tally.failures, (performance.now() - startedAt) / 1000)
  }
  // One works in this process, where a debugger or a profiler finds it.
  if (workers === 1) for (let seed = from; seed < from + seeds; seed++) take(outcomeOf(seed, options))
  else await runInPool({ from, count: seeds }, workers, startProcess(options), take)
  clearProgress()
  const seconds = Math.round((performance.now() - startedAt) / 100) / 10
  console.log(JSON.stringify({ ...tally.summary(), seconds }))
  return tally.failures === 0 ? 0 : 1
}

/** One line that changes on a terminal, a line every 100 seeds elsewhere. */
const showProgress = (done: number, of: number, failures: number, seconds: number): void => {
  const line = `${done} of ${of} seeds, ${failures} failed, ${(done / seconds).toFixed(1)} a second`
  if (process.stderr.isTTY) process.stderr.write(`\r${line}\u001b[K`)
  else if (done % 100 === 0) console.error(line)
}

const clearProgress = (): void => {
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K')
}

process.exitCode = await main()
