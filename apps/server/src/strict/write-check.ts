import type { Json, JsonMap } from '../http/json-parse.js'
import { badRequest } from '../http/errors.js'
import { readFilter } from '../schema/filter.js'
import { isMap, readArray, readMap } from '../schema/read.js'
import { checkFilter } from './filter-check.js'
import type { Sizes } from './sizes.js'
import { checkLimit } from './strict-errors.js'
import type { StrictConfig } from './strict-settings.js'
import type { Collection } from '@meridian/replica'

/** What a write by filter costs of the rate limit. */
const FILTER_COST = 5

type Kind = 'upsert' | 'update_vectors' | 'set_payload' | 'selected'

/** By method and path of the route, below the collection. */
const ROUTES: Readonly<Record<string, Kind>> = {
  'PUT /points': 'upsert',
  'PUT /points/vectors': 'update_vectors',
  'POST /points/payload': 'set_payload',
  'PUT /points/payload': 'set_payload',
  'POST /points/delete': 'selected',
  'POST /points/vectors/delete': 'selected',
  'POST /points/payload/delete': 'selected',
  'POST /points/payload/clear': 'selected',
}
const OPERATIONS: Readonly<Record<string, Kind>> = {
  upsert: 'upsert',
  update_vectors: 'update_vectors',
  set_payload: 'set_payload',
  overwrite_payload: 'set_payload',
}

/**
 * What a write of points brings, held against strict mode; `undefined` for routes that write none. Fields of a wrong type are left
 * to the reading of the request.
 * @returns what it costs of the rate limit
 * @throws StoreError `BAD_REQUEST`
 */
export const checkWrite = (
  route: string,
  body: JsonMap,
  strict: StrictConfig,
  collection: Collection,
  sizes: Sizes,
): number | undefined => {
  const writer = new WriteCheck(strict, collection, sizes)
  if (route !== 'POST /points/batch') {
    const kind = ROUTES[route]
    return kind === undefined ? undefined : writer.check(kind, body)
  }
  return readArray(body.operations, 'operations').reduce<number>((sum, item, i) => {
    const [[name, operation] = []] = Object.entries(readMap(item, `operations[${i}]`))
    if (name === undefined || !isMap(operation ?? null)) return sum
    return sum + writer.check(OPERATIONS[name] ?? 'selected', operation as JsonMap)
  }, 0)
}

const lengthOf = (value: Json | undefined): number => (Array.isArray(value) ? value.length : 0)

class WriteCheck {
  constructor(
    readonly strict: StrictConfig,
    readonly collection: Collection,
    readonly sizes: Sizes,
  ) {}

  check(kind: Kind, body: JsonMap): number {
    for (const filter of [body.filter, body.update_filter])
      if (filter !== undefined && filter !== null) this.#filter(filter)
    switch (kind) {
      case 'upsert': {
        const batch = isMap(body.batch ?? null) ? (body.batch as JsonMap) : undefined
        const count = batch === undefined ? lengthOf(body.points) : lengthOf(batch.ids)
        checkLimit(count, this.strict.upsert_max_batchsize, 'upsert limit')
        this.#room(['points', 'vectors', 'payload'])
        this.#vectors(batch === undefined ? rowsOf(body.points) : columnsOf(batch.vectors))
        return Math.max(1, count)
      }
      case 'update_vectors':
        checkLimit(lengthOf(body.points), this.strict.upsert_max_batchsize, 'update limit')
        this.#room(['points', 'vectors', 'payload'])
        this.#vectors(rowsOf(body.points))
        return Math.max(1, lengthOf(body.points))
      case 'set_payload':
        this.#room(['payload'])
        return costOf(body)
      default:
        return costOf(body)
    }
  }

  #filter(value: Json): void {
    checkFilter(
      readFilter(value, 'filter').filter,
      this.strict,
      this.collection.indexes,
      this.strict.unindexed_filtering_update,
    )
  }

  #room(kinds: readonly ('points' | 'vectors' | 'payload')[]): void {
    this.sizes.checkProcess(this.strict)
    const { max_points_count, max_collection_vector_size_bytes, max_collection_payload_size_bytes } = this.strict
    if (kinds.includes('vectors')) this.#bytes('vector', max_collection_vector_size_bytes)
    if (kinds.includes('payload')) this.#bytes('payload', max_collection_payload_size_bytes)
    if (kinds.includes('points') && max_points_count !== undefined && this.collection.liveCount >= max_points_count)
      throw badRequest(`Max points count limit of ${max_points_count} reached!`)
  }

  #bytes(what: 'vector' | 'payload', max: number | undefined): void {
    if (max === undefined || this.sizes.of(this.collection)[what] < max) return
    throw badRequest(`Max ${what} storage size limit of ${max / 2 ** 20}MB reached!`)
  }

  #vectors(all: Iterable<readonly [name: string, vector: Json]>): void {
    const { multivector_config: multi = {}, sparse_config: sparse = {} } = this.strict
    if (Object.keys(multi).length + Object.keys(sparse).length === 0) return
    for (const [name, vector] of all) {
      const rows = multi[name]?.max_vectors
      if (rows !== undefined && Array.isArray(vector) && Array.isArray(vector[0]) && vector.length > rows)
        throw badRequest(`Multivector '${name}' has a limit of ${rows} vectors, but ${vector.length} were provided!`)
      const indices = sparse[name]?.max_length
      const length = isMap(vector) ? lengthOf(vector.indices) : 0
      if (indices !== undefined && length > indices)
        throw badRequest(`Sparse vector '${name}' has a limit of ${indices} indices, but ${length} were provided!`)
    }
  }
}

/** By ids one for each; by filter more. */
const costOf = (body: JsonMap): number =>
  body.filter !== undefined && body.filter !== null ? FILTER_COST : Math.max(1, lengthOf(body.points))

function* rowsOf(points: Json | undefined): Iterable<readonly [string, Json]> {
  for (const point of Array.isArray(points) ? points : []) {
    if (!isMap(point)) continue
    const vectors = point.vector ?? point.vectors ?? null
    if (isMap(vectors) && vectors.indices === undefined) yield* Object.entries(vectors)
    else yield ['', vectors]
  }
}

function* columnsOf(vectors: Json | undefined): Iterable<readonly [string, Json]> {
  const columns: [string, Json][] = isMap(vectors ?? null)
    ? Object.entries(vectors as JsonMap)
    : [['', vectors ?? null]]
  for (const [name, rows] of columns) for (const row of Array.isArray(rows) ? rows : []) yield [name, row]
}
