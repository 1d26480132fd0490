import { readdirSync, readFileSync } from 'node:fs'

/** Milliseconds of processors that the threads of a process used. */
export interface ThreadTimes {
  readonly main: number
  /** The busiest of the others. */
  readonly worker: number
  readonly rest: number
}

/** Of a tick, as Linux counts them for everybody. */
const TICK_MS = 10

/** The threads' times in `/proc/<pid>/task/<tid>/stat`: user and system, in ticks, the 14th and 15th field. */
export const tickMs = (stat: string): number => {
  // The name before may hold spaces and brackets.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS
}

/** What the threads of a process use from now on; zeros where the system does not tell. */
export class ThreadClock {
  readonly #before: ReadonlyMap<number, number>

  constructor(readonly pid: number) {
    this.#before = look(pid)
  }

  read(): ThreadTimes {
    let main = 0
    const others: number[] = []
    for (const [thread, ms] of look(this.pid)) {
      const used = ms - (this.#before.get(thread) ?? 0)
      if (thread === this.pid) main = used
      else others.push(used)
    }
    const worker = Math.max(0, ...others)
    return { main, worker, rest: others.reduce((sum, ms) => sum + ms, 0) - worker }
  }
}

const look = (pid: number): Map<number, number> => {
  const threads = new Map<number, number>()
  try {
    const folder = `/proc/${pid}/task`
    for (const thread of readdirSync(folder))
      threads.set(Number(thread), tickMs(readFileSync(`${folder}/${thread}/stat`, 'latin1')))
  } catch {
    // Not Linux, or a thread has ended meanwhile.
  }
  return threads
}
