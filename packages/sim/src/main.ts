import { parseArgs } from 'node:util'
import { FOR_MS, type SimulationOptions, simulate } from './simulation.js'
import { Violation } from './violation.js'

const USAGE =
  'usage: npm run sim -- [--seeds N] [--from SEED] | --seed N; both with [--for MS] [--members | --no-members]'

/**
 * `--seeds N` runs N seeds and prints a line each that fails; `--seed N` replays one with a trace. `--for MS`: virtual time until all
 * faults end. `--members`: operators change the membership in every run, `--no-members`: in none; by default in every other.
 */
const main = (): number => {
  let values: { seeds?: string; seed?: string; from?: string; for?: string; members?: boolean; 'no-members'?: boolean }
  try {
    values = parseArgs({
      options: {
        seeds: { type: 'string' },
        seed: { type: 'string' },
        from: { type: 'string' },
        for: { type: 'string' },
        members: { type: 'boolean' },
        'no-members': { type: 'boolean' },
      },
    }).values
  } catch (error) {
    console.error(`${(error as Error).message}\n${USAGE}`)
    return 2
  }
  const number = (text: string | undefined, fallback: number): number => (text === undefined ? fallback : Number(text))
  const [one, seeds, from] = [number(values.seed, -1), number(values.seeds, 200), number(values.from, 1)]
  const forMs = number(values.for, FOR_MS)
  if (![one, seeds, from, forMs].every(Number.isInteger)) {
    console.error(`seeds and times are integers\n${USAGE}`)
    return 2
  }
  const members = values.members === true ? true : values['no-members'] === true ? false : undefined
  const options = { forMs, ...(members === undefined ? {} : { members }) }
  return values.seed === undefined ? runMany(from, seeds, options) : replay(one, options)
}

type RunOptions = Pick<SimulationOptions, 'members'> & { readonly forMs: number }

const flagsOf = ({ forMs, members }: RunOptions): string =>
  `${forMs === FOR_MS ? '' : ` --for ${forMs}`}${members === undefined ? '' : members ? ' --members' : ' --no-members'}`

const replay = (seed: number, options: RunOptions): number => {
  try {
    console.log(JSON.stringify(simulate({ seed, ...options, trace: (line) => console.log(line) }), undefined, 2))
    return 0
  } catch (error) {
    console.error(error instanceof Violation ? `seed ${seed}: ${error.message}` : error)
    return 1
  }
}

const runMany = (from: number, seeds: number, options: RunOptions): number => {
  const startedAt = performance.now()
  const totals = {
    acknowledged: 0,
    refused: 0,
    boots: 0,
    transfers: 0,
    cleaned: 0,
    purged: 0,
    resyncs: 0,
    framesRefused: 0,
  }
  const failed: number[] = []
  let slowestHealMs = 0
  for (let seed = from; seed < from + seeds; seed++) {
    try {
      const report = simulate({ seed, ...options })
      for (const key of Object.keys(totals) as (keyof typeof totals)[]) totals[key] += report[key]
      slowestHealMs = Math.max(slowestHealMs, report.healedInMs)
    } catch (error) {
      failed.push(seed)
      clearProgress()
      console.error(`seed ${seed}: ${error instanceof Violation ? error.message : (error as Error).stack}`)
      console.error(`  replay: npm run sim -- --seed ${seed}${flagsOf(options)}`)
    }
    showProgress(seed - from + 1, seeds, failed.length, (performance.now() - startedAt) / 1000)
  }
  clearProgress()
  const seconds = Math.round((performance.now() - startedAt) / 100) / 10
  console.log(JSON.stringify({ seeds, failures: failed.length, failed, ...totals, slowestHealMs, seconds }))
  return failed.length === 0 ? 0 : 1
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

process.exitCode = main()
