import { mkdtempSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { HNSW_DEFAULT } from '@meridian/core'
import { type Engine, rowsOf, serveEngine } from './engine-serve.js'
import { OTHERS_PACKAGE } from './others.js'
import { K } from './truth-set.js'

/*
 * An engine of somebody else. Arguments: the engine, file of vectors, file of queries (float32), dimensions, `l2` or `ip`.
 * The libraries are not there for the compiler, so what is called of them is declared here.
 */

interface UsearchIndex {
  add(key: bigint, vector: Float32Array): void
  search(vector: Float32Array, k: number, threads: number): { readonly keys: BigUint64Array }
  save(path: string): void
  load(path: string): void
}

interface Usearch {
  Index: new (config: {
    readonly metric: 'l2sq' | 'ip'
    readonly dimensions: number
    readonly connectivity: number
    readonly quantization: 'f32'
    readonly expansion_add: number
    readonly expansion_search: number
  }) => UsearchIndex
}

interface LanceQuery {
  distanceType(distance: LanceDistance): LanceQuery
  nprobes(partitions: number): LanceQuery
  ef(candidates: number): LanceQuery
  refineFactor(factor: number): LanceQuery
  limit(k: number): LanceQuery
  select(columns: readonly string[]): LanceQuery
  toArray(): Promise<readonly { readonly id: number }[]>
}

interface LanceTable {
  createIndex(column: string, options: { readonly config: unknown }): Promise<void>
  search(vector: Float32Array): LanceQuery
}

interface Lance {
  connect(path: string): Promise<{
    createTable(name: string, rows: unknown, options: { readonly mode: 'overwrite' }): Promise<LanceTable>
  }>
  makeArrowTable(rows: readonly object[], options: { readonly vectorColumns: object }): unknown
  VectorColumnOptions: new () => object
  Index: {
    hnswSq(options: {
      readonly distanceType: LanceDistance
      readonly m: number
      readonly efConstruction: number
      readonly numPartitions: number
    }): unknown
    ivfPq(options: { readonly distanceType: LanceDistance }): unknown
  }
}

type LanceDistance = 'l2' | 'dot'

/** How many times the hits are scored exactly: codes alone do not come to the recall that is compared at. */
const refine = (ef: number, most: number): number => Math.min(most, Math.floor(ef / K))

const [kind, vectorFile, queryFile, dimsText, distance] = process.argv.slice(2)
const dims = Number(dimsText)
const vectors = rowsOf(vectorFile!, dims)
const queries = rowsOf(queryFile!, dims)
const { m, efConstruct } = HNSW_DEFAULT
// LanceDB warns on standard error of every query.
process.env.LANCE_LOG = 'error'
const require = createRequire(OTHERS_PACKAGE)
const scratch = (): string => mkdtempSync(join(dirname(vectorFile!), `${kind}-`))

const usearch = (): Engine => {
  const { Index } = require('usearch') as Usearch
  const file = join(scratch(), 'index')
  const metric = distance === 'l2' ? 'l2sq' : 'ip'
  const open = (ef: number): UsearchIndex =>
    new Index({
      metric,
      dimensions: dims,
      connectivity: m,
      quantization: 'f32',
      expansion_add: efConstruct,
      expansion_search: ef,
    })
  let index: UsearchIndex
  return {
    build: () => {
      index = open(K)
      for (const [key, vector] of vectors.entries()) index.add(BigInt(key), vector)
      index.save(file)
    },
    // Candidates are a matter of the constructor.
    prepare: (ef) => {
      index = open(ef)
      index.load(file)
    },
    search: (query) => Array.from(index.search(queries[query]!, K, 1).keys, Number),
  }
}

const lance = (
  configure: (lance: Lance, as: LanceDistance) => unknown,
  ask: (query: LanceQuery, ef: number) => LanceQuery,
): Engine => {
  const library = require('@lancedb/lancedb') as Lance
  const as = distance === 'l2' ? 'l2' : 'dot'
  let table: LanceTable
  return {
    build: async () => {
      const rows = vectors.map((vector, id) => ({ id, vector }))
      const columns = { vectorColumns: { vector: new library.VectorColumnOptions() } }
      const database = await library.connect(scratch())
      table = await database.createTable('vectors', library.makeArrowTable(rows, columns), { mode: 'overwrite' })
      await table.createIndex('vector', { config: configure(library, as) })
    },
    search: async (query, ef) => {
      const search = ask(table.search(queries[query]!).distanceType(as), ef).limit(K)
      return (await search.select(['id', '_distance']).toArray()).map(({ id }) => id)
    },
  }
}

const engines: Readonly<Record<string, () => Engine>> = {
  usearch,
  'lance-hnsw-sq': () =>
    lance(
      ({ Index }, distanceType) => Index.hnswSq({ distanceType, m, efConstruction: efConstruct, numPartitions: 1 }),
      (query, ef) => query.nprobes(1).ef(ef).refineFactor(refine(ef, 4)),
    ),
  // A tenth as many partitions are read as others look at candidates: 1 to 128.
  'lance-ivf-pq': () =>
    lance(
      ({ Index }, distanceType) => Index.ivfPq({ distanceType }),
      (query, ef) => query.nprobes(Math.round(ef / 10)).refineFactor(refine(ef, 64)),
    ),
}

await serveEngine(engines[kind!]!(), queries.length)
