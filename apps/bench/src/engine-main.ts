import { createRequire } from 'node:module'
import { HNSW_DEFAULT, type IndexHit } from '@meridian/core'
import { Graph, Space } from '@meridian/index'
import { type Engine, rowsOf, serveEngine } from './engine-serve.js'
import { K } from './truth-set.js'

/* Ours, and the published addon. Arguments: the engine, file of vectors, file of queries (float32), dimensions, `l2` or `ip`, and for `stock` the addon. */

interface StockGraph {
  initIndex(capacity: number, m: number, efConstruct: number): void
  addPoint(point: number[], label: number): void
  setEf(ef: number): void
  searchKnn(point: number[], k: number): { readonly neighbors: number[] }
}

const [kind, vectorFile, queryFile, dimsText, distance, addon] = process.argv.slice(2)
const dims = Number(dimsText)
const vectors = rowsOf(vectorFile!, dims)
const queries = rowsOf(queryFile!, dims)
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

await serveEngine(engines[kind!]!(), queries.length)
