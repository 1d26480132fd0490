import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { MeridianClient } from '@meridian/client'
import { until } from './until.js'

/** The built command line. */
export const MAIN = fileURLToPath(new URL('../../../apps/cli/dist/main.js', import.meta.url))
const READY_MS = 60_000
/** Of the log, kept for messages of tests that fail. */
const LOG_LINES_KEPT = 5000
/** Of those, printed. */
const LOG_LINES_SHOWN = 20

/** Settings of the shell that runs the tests must not reach the regions. */
const ENV = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('MERIDIAN_')))

const alive = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of alive) child.kill('SIGKILL')
})

export interface RegionOptions {
  readonly region: string
  readonly port: number
  readonly dataDir: string
  /** Address by region name. */
  readonly peers: Readonly<Record<string, string>>
  /** More flags of `meridian serve`, as `{ 'log-level': 'debug' }`. */
  readonly flags?: Readonly<Record<string, string>>
  readonly env?: Readonly<Record<string, string>>
  /** What the process is run by, as `['strace', '-f']`. */
  readonly wrapper?: readonly string[]
}

/** One region as a process of its own, from the built sources. It can be stopped, killed and started again on the same port and data. */
export class RegionProcess implements AsyncDisposable {
  readonly client: MeridianClient
  #child: ChildProcess | undefined
  #ended: Promise<number | null> = Promise.resolve(null)
  #lines: string[] = []
  #signals = new Set<NodeJS.Signals>()
  #lastWords: string | undefined
  #wasReady = false

  constructor(readonly options: RegionOptions) {
    this.client = new MeridianClient({ url: this.url, timeoutMs: 60_000, retry: false })
  }

  get name(): string {
    return this.options.region
  }

  get url(): string {
    return `http://127.0.0.1:${this.options.port}`
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** What it wrote since its first start, both streams; the newest lines only. */
  get log(): readonly string[] {
    return this.#lines
  }

  /** How it ended when nobody here asked for it: exit code, signal, the last of the log. `undefined` while all is well. */
  get lastWords(): string | undefined {
    return this.#lastWords
  }

  /** Starts the process; without waiting, it may not take requests yet. */
  spawn(): void {
    if (this.isRunning) throw new Error(`${this.name} runs already`)
    if (!existsSync(MAIN)) throw new Error(`${MAIN} is missing: npm run build`)
    const { region, port, dataDir, peers, flags = {}, wrapper = [] } = this.options
    const all = { region, port: String(port), data: dataDir, 'log-level': 'warn', ...flags }
    const args = [MAIN, 'serve', ...Object.entries(all).flatMap(([name, value]) => [`--${name}`, value])]
    for (const [peer, url] of Object.entries(peers)) args.push('--peer', `${peer}=${url}`)
    const [command, ...rest] = [...wrapper, process.execPath, ...args]
    const child = spawn(command!, rest, { env: { ...ENV, ...this.options.env }, stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [child.stdout!, child.stderr!])
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#lines.push(...text.split('\n').filter((line) => line !== ''))
        if (this.#lines.length > LOG_LINES_KEPT) this.#lines = this.#lines.slice(-LOG_LINES_KEPT / 2)
      })
    alive.add(child)
    this.#signals.clear()
    this.#lastWords = undefined
    this.#wasReady = false
    this.#ended = new Promise((resolve) =>
      child.once('close', (code, signal) => {
        alive.delete(child)
        if (this.#signals.size === 0) {
          const log = this.#lines.slice(-LOG_LINES_SHOWN).join('\n')
          this.#lastWords = `region ${region} ended by itself, exit code ${code}, signal ${signal}; its last lines:\n${log}`
          // Whatever the test makes of it, this is what one wants to read beside its failure.
          if (this.#wasReady) console.error(this.#lastWords)
        }
        resolve(code)
      }),
    )
    this.#child = child
  }

  /** Spawns it and waits until it takes requests. */
  async start(): Promise<void> {
    this.spawn()
    await this.ready()
  }

  /** Until `/readyz` says so; throws at once, with its last words, when the process ends instead. */
  async ready(deadlineMs = READY_MS): Promise<void> {
    await until(
      `region ${this.name} takes requests`,
      async () => !this.isRunning || (await this.client.ready()).isReady,
      { deadlineMs },
      () => this.#lines.slice(-LOG_LINES_SHOWN),
    )
    this.#wasReady = this.isRunning
    if (this.isRunning) return
    await this.#ended
    throw new Error(this.#lastWords ?? `region ${this.name} was stopped at its start`)
  }

  /** Gracefully. Returns the exit code. */
  stop(): Promise<number | null> {
    return this.signal('SIGTERM')
  }

  /** Outright, as `kill -9`. */
  async kill(): Promise<void> {
    await this.signal('SIGKILL')
  }

  /** Sends the signal and waits for the end. Harmless when it does not run. */
  async signal(name: NodeJS.Signals): Promise<number | null> {
    if (this.isRunning) {
      this.#signals.add(name)
      this.#child!.kill(name)
    }
    return this.#ended
  }

  /** Freezes the process (`SIGSTOP`): connections stay, nothing is answered. `resume` ends it. */
  pause(): void {
    this.#child?.kill('SIGSTOP')
  }

  resume(): void {
    this.#child?.kill('SIGCONT')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
  }
}
