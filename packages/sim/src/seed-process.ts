import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { RunOptions, SeedOutcome } from './seed-outcome.js'
import type { SeedWorker, SeedWorkerEvents } from './seed-pool.js'

/** What the parent asks of `seed-worker`; a `SeedOutcome` answers it. */
export interface SeedRequest {
  readonly seed: number
  readonly options: RunOptions
}

/**
 * There is a process for each processor: threads of its own to collect garbage with would only take time from the others. And a
 * seed makes much garbage that lives no longer than a frame: in a young generation that is larger from the start (MiB), it is
 * collected less often, and less of it is copied, which took an eighth of the time.
 */
const FLAGS = ['--single-threaded-gc', '--min-semi-space-size=32', '--max-semi-space-size=64']

const MAIN = fileURLToPath(new URL('./seed-worker.js', import.meta.url))

/** A process that runs seeds. It ends when this one does. */
export const startProcess =
  (options: RunOptions) =>
  (events: SeedWorkerEvents): SeedWorker => {
    const child = fork(MAIN, {
      execArgv: [...process.execArgv, ...FLAGS],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    let isOver = false
    const die = (why: string): void => {
      if (isOver) return
      isOver = true
      child.kill('SIGKILL')
      events.died(why)
    }
    child.on('message', (outcome) => events.done(outcome as SeedOutcome))
    child.on('error', (error) => die(`its process failed: ${error.message}`))
    child.on('exit', (code, signal) => die(`its process ended with ${signal ?? `code ${code}`}`))
    return {
      run: (seed) => child.send({ seed, options } satisfies SeedRequest),
      stop: () => {
        isOver = true
        child.disconnect()
      },
    }
  }
