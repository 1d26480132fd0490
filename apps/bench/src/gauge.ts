import { readFileSync } from 'node:fs'

const LOOK_MS = 5
const MEMORY_EVERY = 10

export interface Memory {
  /** Resident, mapped files included. */
  readonly rss: number
  /** Resident and the process's own: what a mapped file of the system's cache takes is given back when others need it. */
  readonly own: number
}

export interface Gauged {
  /** Longest time that the event loop did nothing else. */
  readonly blockedMs: number
  /** Longest of these times less what of it the thread was ready and the machine had no processor for it: what the code is to blame for. */
  readonly ranMs: number
  /** Processor time of the whole process, all its threads. */
  readonly processorMs: number
  readonly start: Memory
  readonly peak: Memory
}

/** Bytes. `own` is taken from Linux; elsewhere it is all that is resident. */
export const memory = (): Memory => {
  const { rss } = process.memoryUsage()
  const kib = /^RssAnon:\s+(\d+) kB$/m.exec(readProc('status'))
  return { rss, own: kib === null ? rss : Number(kib[1]) * 1024 }
}

/** For how long, in all, this process's first thread has waited for a processor; 0 where nobody tells. */
const waitedMs = (): number => Number(readProc('schedstat').split(' ')[1] ?? 0) / 1e6

const readProc = (name: string): string => {
  if (process.platform !== 'linux') return ''
  try {
    return readFileSync(`/proc/self/${name}`, 'latin1')
  } catch {
    return ''
  }
}

/** What this process goes through from now on: the longest block of its event loop, the most memory. */
export class Gauge {
  readonly #start = memory()
  readonly #timer: NodeJS.Timeout
  #peak = this.#start
  #looks = 0
  #lookedAt = performance.now()
  #waited = waitedMs()
  readonly #usage = process.cpuUsage()
  #blockedMs = 0
  #ranMs = 0

  constructor() {
    this.#timer = setInterval(() => this.#look(), LOOK_MS)
  }

  #look(): void {
    const now = performance.now()
    const waited = waitedMs()
    const blocked = now - this.#lookedAt - LOOK_MS
    this.#blockedMs = Math.max(this.#blockedMs, blocked)
    this.#ranMs = Math.max(this.#ranMs, blocked - (waited - this.#waited))
    this.#lookedAt = now
    this.#waited = waited
    if (this.#looks++ % MEMORY_EVERY === 0) this.#weigh()
  }

  #weigh(): void {
    const { rss, own } = memory()
    this.#peak = { rss: Math.max(rss, this.#peak.rss), own: Math.max(own, this.#peak.own) }
  }

  /** Ends it. */
  read(): Gauged {
    clearInterval(this.#timer)
    this.#look()
    this.#weigh()
    const { user, system } = process.cpuUsage(this.#usage)
    return {
      blockedMs: Math.round(this.#blockedMs),
      ranMs: Math.round(this.#ranMs),
      processorMs: Math.round((user + system) / 1000),
      start: this.#start,
      peak: this.#peak,
    }
  }
}
