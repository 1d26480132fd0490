import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { RegionPlan } from './plan.js'

/** How a region's process ended, in words. */
export interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly text: string
}

/**
 * The process of one region. It stands in a process group of its own, so that Ctrl-C reaches only the one who started it,
 * and holds a channel to it, so that it ends when that one is killed.
 */
export class RegionProcess {
  readonly plan: RegionPlan
  readonly ended: Promise<Ending>
  readonly #child: ChildProcess

  constructor(plan: RegionPlan, env: NodeJS.ProcessEnv, onLine: (line: string) => void) {
    this.plan = plan
    this.#child = spawn(process.execPath, plan.args, { env, stdio: ['ignore', 'pipe', 'pipe', 'ipc'], detached: true })
    for (const stream of [this.#child.stdout!, this.#child.stderr!])
      createInterface({ input: stream }).on('line', onLine)
    this.ended = new Promise((resolve) => {
      this.#child.once('error', (error) =>
        resolve({ code: null, signal: null, text: `could not be started: ${error.message}` }),
      )
      this.#child.once('close', (code, signal) =>
        resolve({ code, signal, text: signal === null ? `exited with code ${code}` : `was ended by ${signal}` }),
      )
    })
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  get isRunning(): boolean {
    return this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Asks it to stop and resolves when it has; after `killAfterMs` it is killed. */
  async stop(killAfterMs: number): Promise<Ending> {
    if (this.isRunning) this.#child.kill('SIGTERM')
    const timer = setTimeout(() => this.kill(), killAfterMs)
    const ending = await this.ended
    clearTimeout(timer)
    return ending
  }

  kill(): void {
    if (this.isRunning) this.#child.kill('SIGKILL')
  }
}
