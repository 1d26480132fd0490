import { readFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'

const LOOK_MS = 50
const RESOLUTION_MS = 5

export interface Memory {
  /** Resident, mapped files included. */
  readonly rss: number
  /** Resident and the process's own: what a mapped file of the system's cache takes is given back when others need it. */
  readonly own: number
}

export interface Gauged {
  /** Longest time that the event loop did nothing else. */
  readonly blockedMs: number
  readonly start: Memory
  readonly peak: Memory
}

/** Bytes. `own` is taken from Linux; elsewhere it is all that is resident. */
export const memory = (): Memory => {
  const { rss } = process.memoryUsage()
  if (process.platform !== 'linux') return { rss, own: rss }
  const kib = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))
  return { rss, own: kib === null ? rss : Number(kib[1]) * 1024 }
}

/** What this process goes through from now on: the longest block of its event loop, the most memory. */
export class Gauge {
  readonly #delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  readonly #start = memory()
  readonly #timer: NodeJS.Timeout
  #peak = this.#start

  constructor() {
    this.#delays.enable()
    this.#timer = setInterval(() => this.#look(), LOOK_MS)
  }

  #look(): void {
    const { rss, own } = memory()
    this.#peak = { rss: Math.max(rss, this.#peak.rss), own: Math.max(own, this.#peak.own) }
  }

  /** Ends it. */
  read(): Gauged {
    clearInterval(this.#timer)
    this.#look()
    this.#delays.disable()
    // The histogram counts from one of its own timers to the next.
    const blockedMs = Math.max(0, this.#delays.max / 1e6 - RESOLUTION_MS)
    return { blockedMs: Math.round(blockedMs), start: this.#start, peak: this.#peak }
  }
}
