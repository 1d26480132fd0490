import { createInterface } from 'node:readline'
import { readFileSync } from 'node:fs'
import { K } from './truth-set.js'

/** An engine that the benchmarks compare; one that answers later returns promises. */
export interface Engine {
  build(): void | Promise<void>
  /** Ids of up to ten, in any order. */
  search(query: number, ef: number): ArrayLike<number> | Promise<ArrayLike<number>>
  /** Called before searches with another `ef` than the last, outside of what is timed. */
  prepare?(ef: number): void
}

const SECONDS_MIN = 0.2
/** Queries between two looks at the clock. */
const PASS = 250

/** The rows of a file of float32. */
export const rowsOf = (path: string, dims: number): Float32Array[] => {
  const bytes = readFileSync(path)
  const all = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
  return Array.from({ length: all.length / dims }, (_, i) => all.subarray(i * dims, (i + 1) * dims))
}

/** Of the whole process, all threads; on a shared machine the time on the clock would tell more of the others. */
const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

/**
 * Answers for one engine in a process of its own, line by line over standard input, as `native/hnsw.cc` does:
 *
 *   build       → {"cpuSeconds": s}
 *   search EF   → {"cpuSeconds": s, "queries": n}    one query after the other for at least SECONDS_MIN
 *   find EF     → {"ids": [...]}                     ten of each query, -1 for none
 */
export const serveEngine = async (engine: Engine, queryCount: number): Promise<void> => {
  let prepared: number | undefined
  for await (const line of createInterface({ input: process.stdin })) {
    const [what, efText] = line.split(' ')
    const ef = Number(efText)
    if (what !== 'build' && ef !== prepared) engine.prepare?.(ef)
    prepared = ef
    const start = cpuSeconds()
    const answer = async (): Promise<unknown> => {
      if (what === 'build') {
        await engine.build()
        return { cpuSeconds: cpuSeconds() - start }
      }
      if (what === 'find') {
        const ids: number[] = []
        for (let query = 0; query < queryCount; query++) {
          const found = await engine.search(query, ef)
          for (let i = 0; i < K; i++) ids.push(found[i] ?? -1)
        }
        return { ids }
      }
      let done = 0
      do {
        // A scan takes milliseconds: a part of the queries does.
        for (let i = 0; i < PASS; i++) {
          const found = engine.search((done + i) % queryCount, ef)
          if (found instanceof Promise) await found
        }
        done += PASS
      } while (cpuSeconds() - start < SECONDS_MIN)
      return { cpuSeconds: cpuSeconds() - start, queries: done }
    }
    process.stdout.write(`${JSON.stringify(await answer())}\n`)
  }
}
