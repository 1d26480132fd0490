import { Agent } from 'node:http'
import { type Request, send } from './http-load.js'

/** One answered request: when it was due, in ms of `performance.now`, and how long it took from then. */
export interface Beat {
  readonly atMs: number
  readonly tookMs: number
}

/** Asks a server at a steady pace, whether or not it has answered what came before: who waits is counted as waiting. */
export class Pulse {
  readonly beats: Beat[] = []
  #timer: NodeJS.Timeout
  readonly #startedAt = performance.now()
  readonly #under = new Set<Promise<void>>()
  #count = 0
  #failure: unknown

  constructor(
    readonly everyMs: number,
    /** Sends request number `i`, from 0 on; resolves when it is answered. */
    readonly ask: (i: number) => Promise<unknown>,
    /** Ends the connections. */
    readonly end: () => void,
  ) {
    this.#timer = this.#arm()
  }

  /** Of requests that are made as they are due. */
  static of(port: number, everyMs: number, next: (i: number) => Request): Pulse {
    const agent = new Agent({ keepAlive: true })
    return new Pulse(
      everyMs,
      (i) => send(port, agent, next(i)),
      () => agent.destroy(),
    )
  }

  #arm(): NodeJS.Timeout {
    const dueMs = this.#startedAt + (this.#count + 1) * this.everyMs
    return setTimeout(() => this.#tick(), Math.max(0, dueMs - performance.now()))
  }

  #tick(): void {
    const due = Math.floor((performance.now() - this.#startedAt) / this.everyMs)
    for (; this.#count < due; this.#count++) {
      // From when it was due: this process may itself have been kept waiting, which then counts too.
      const atMs = this.#startedAt + (this.#count + 1) * this.everyMs
      const asked = this.ask(this.#count).then(
        () => {
          this.beats.push({ atMs, tookMs: performance.now() - atMs })
        },
        (error: unknown) => {
          this.#failure ??= error
        },
      )
      this.#under.add(asked)
      void asked.finally(() => this.#under.delete(asked))
    }
    this.#timer = this.#arm()
  }

  /** Of the requests that were due from one moment (inclusive) to another (exclusive). */
  times(fromMs: number, toMs: number): number[] {
    return timesBetween(this.beats, fromMs, toMs)
  }

  /** Once all that was asked for is answered. @throws what a request failed with */
  async stop(): Promise<void> {
    clearTimeout(this.#timer)
    await Promise.all(this.#under)
    this.end()
    if (this.#failure !== undefined) throw this.#failure
  }
}

/** How long those of the requests took that were due from one moment (inclusive) to another (exclusive). */
export const timesBetween = (beats: readonly Beat[], fromMs: number, toMs: number): number[] =>
  beats.filter(({ atMs }) => atMs >= fromMs && atMs < toMs).map(({ tookMs }) => tookMs)
