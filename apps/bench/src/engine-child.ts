import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** An engine's process, asked one thing at a time. */
export class EngineChild implements AsyncDisposable {
  readonly #process: ChildProcess
  readonly #answers: AsyncIterator<string>

  constructor(
    readonly name: string,
    command: string,
    args: readonly string[],
  ) {
    this.#process = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#answers = createInterface({ input: this.#process.stdout! })[Symbol.asyncIterator]()
  }

  /** Seconds of processor time. */
  async build(): Promise<number> {
    return (await this.#ask<{ cpuSeconds: number }>('build')).cpuSeconds
  }

  /** Queries a second of processor time. */
  async speed(ef: number): Promise<number> {
    const { cpuSeconds, queries } = await this.#ask<{ cpuSeconds: number; queries: number }>(`search ${ef}`)
    return queries / cpuSeconds
  }

  /** Ids of ten hits a query. */
  async find(ef: number): Promise<number[]> {
    return (await this.#ask<{ ids: number[] }>(`find ${ef}`)).ids
  }

  async #ask<Answer>(line: string): Promise<Answer> {
    this.#process.stdin!.write(`${line}\n`)
    const { done, value } = await this.#answers.next()
    if (done) throw new Error(`the process of ${this.name} ended at "${line}"`)
    return JSON.parse(value) as Answer
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const ended = once(this.#process, 'close')
    this.#process.stdin!.end()
    await ended
  }
}
