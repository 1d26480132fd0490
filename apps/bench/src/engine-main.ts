import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import { HNSW_DEFAULT, type IndexHit } from '@meridian/core'
import { Graph, Space } from '@meridian/index'
import { K } from './truth-set.js'

/*
 * One engine in a process of its own, asked line by line over standard input, as `native/hnsw.cc` is:
 *
 *   build       → {"cpuSeconds": s}
 *   search EF   → {"cpuSeconds": s, "queries": n}    one query after the other for at least SECONDS_MIN
 *   find EF     → {"ids": [...]}                     ten of each query, -1 for none
 *
 * Arguments: the engine, file of vectors, file of queries (float32), dimensions, `l2` or `ip`, and for `stock` the addon.
 */

const SECONDS_MIN = 0.2
/** Queries between two looks at the clock. */
const PASS = 250

interface Engine {
  build(): void
  /** Ids of up to ten, in any order. */
  search(query: number, ef: number): ArrayLike<number>
}

interface StockGraph {
  initIndex(capacity: number, m: number, efConstruct: number): void
  addPoint(point: number[], label: number): void
  setEf(ef: number): void
  searchKnn(point: number[], k: number): { readonly neighbors: number[] }
}

const [kind, vectorFile, queryFile, dimsText, distance, addon] = process.argv.slice(2)
const dims = Number(dimsText)
const rowsOf = (path: string): Float32Array[] => {
  const bytes = readFileSync(path)
  const all = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
  return Array.from({ length: all.length / dims }, (_, i) => all.subarray(i * dims, (i + 1) * dims))
}
const vectors = rowsOf(vectorFile!)
const queries = rowsOf(queryFile!)
const hnsw = HNSW_DEFAULT
const ordinals = (hits: readonly IndexHit[]): number[] => hits.map(({ ordinal }) => ordinal)
const spaceOf = (isIndexed: boolean): Space => {
  const space = new Space({ size: dims, metric: distance === 'l2' ? 'Euclid' : 'Cosine', hnsw })
  for (const [ordinal, vector] of vectors.entries()) space.set(ordinal, String(ordinal), '1', vector)
  while (isIndexed && space.hasWork) space.step(() => true)
  return space
}

const engines: Readonly<Record<string, () => Engine>> = {
  /** The graph alone: which labels are near. */
  graph: () => {
    let graph: Graph | undefined
    return {
      build: () => {
        graph?.release()
        graph = Graph.create({ dims, distance: 'l2', hnsw })
        for (const vector of vectors) graph.add(vector)
      },
      search: (query, ef) => graph!.search(queries[query]!, K, ef),
    }
  },
  /** What a worker does: the graph, and exact scores in order. */
  space: () => {
    let space = spaceOf(false)
    return {
      build: () => {
        space = spaceOf(true)
      },
      search: (query, ef) => ordinals(space.search({ vector: queries[query]!, limit: K, ef })),
    }
  },
  /** Every vector, scored exactly; there is nothing to build. */
  brute: () => {
    const space = spaceOf(false)
    return {
      build: () => {},
      search: (query) => ordinals(space.search({ vector: queries[query]!, limit: K, exact: true })),
    }
  },
  /** The published addon, which takes arrays; they are made before the clock runs. */
  stock: () => {
    const { HierarchicalNSW } = createRequire(import.meta.url)(addon!) as {
      HierarchicalNSW: new (distance: string, dims: number) => StockGraph
    }
    const asked = queries.map((query) => [...query])
    let graph: StockGraph | undefined
    return {
      build: () => {
        graph = new HierarchicalNSW(distance!, dims)
        graph.initIndex(vectors.length, hnsw.m, hnsw.efConstruct)
        const scratch = new Array<number>(dims).fill(0)
        for (const [label, vector] of vectors.entries()) {
          for (let i = 0; i < dims; i++) scratch[i] = vector[i]!
          graph.addPoint(scratch, label)
        }
      },
      search: (query, ef) => {
        graph!.setEf(ef)
        return graph!.searchKnn(asked[query]!, K).neighbors
      },
    }
  },
}

const engine = engines[kind!]!()
/** Of the whole process; on a shared machine the time on the clock would tell more of the others. */
const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const [what, efText] = line.split(' ')
  const ef = Number(efText)
  const start = cpuSeconds()
  const answer = (): unknown => {
    if (what === 'build') {
      engine.build()
      return { cpuSeconds: cpuSeconds() - start }
    }
    if (what === 'find')
      return {
        ids: queries.flatMap((_, query) => {
          const found = engine.search(query, ef)
          return Array.from({ length: K }, (_, i) => found[i] ?? -1)
        }),
      }
    let done = 0
    do {
      // A scan takes milliseconds: a part of the queries does.
      for (let i = 0; i < PASS; i++) engine.search((done + i) % queries.length, ef)
      done += PASS
    } while (cpuSeconds() - start < SECONDS_MIN)
    return { cpuSeconds: cpuSeconds() - start, queries: done }
  }
  process.stdout.write(`${JSON.stringify(answer())}\n`)
})
