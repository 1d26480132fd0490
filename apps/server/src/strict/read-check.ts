import type { Collection } from '@meridian/replica'
import type { Json, JsonMap } from '../http/json-parse.js'
import { asItIs, discoverBody, recommendBody, searchBody, type Translate } from '../schema/legacy.js'
import { readFilter } from '../schema/filter.js'
import { readFormula } from '../schema/formula.js'
import { isMap, readArray, readMap } from '../schema/read.js'
import { checkFilter, checkFormula, checkGrouping, conditionsOf } from './filter-check.js'
import { checkLimit, strictError } from './strict-errors.js'
import type { StrictConfig } from './strict-settings.js'

const LIMIT_DEFAULT = 10
const GROUP_SIZE_DEFAULT = 3
const FORMS: Readonly<Record<string, Translate>> = {
  query: asItIs,
  search: searchBody,
  recommend: recommendBody,
  discover: discoverBody,
}
const SEARCH = /\/points\/(query|search|recommend|discover)(?:\/(batch|groups))?$/

/**
 * What a read asks for, held against strict mode. Fields of a wrong type are left to the reading of the request, which refuses them.
 * @param path of the route, below the collection
 * @returns what it costs of the rate limit
 * @throws StoreError `BAD_REQUEST`
 */
export const checkRead = (path: string, body: JsonMap, strict: StrictConfig, collection: Collection): number => {
  const reader = new ReadCheck(strict, collection)
  const found = SEARCH.exec(path)
  if (found !== null) {
    const translate = FORMS[found[1]!]!
    if (found[2] === 'batch') {
      const searches = readArray(body.searches, 'searches')
      checkLimit(searches.length, strict.search_max_batchsize, 'search batch size')
      return searches.reduce<number>(
        (sum, each, i) => sum + reader.query(translate(readMap(each, `searches[${i}]`))),
        0,
      )
    }
    return found[2] === 'groups' ? reader.groups(translate(body)) : reader.query(translate(body))
  }
  if (path === '/points/search/matrix/pairs' || path === '/points/search/matrix/offsets') return reader.matrix(body)
  if (path === '/points/scroll') return reader.listed(body)
  if (path === '/facet') {
    reader.exact(body.exact)
    return reader.listed(body)
  }
  if (path === '/points/count') {
    reader.exact(body.exact ?? true)
    return reader.filter(body.filter)
  }
  return path === '/points' && Array.isArray(body.ids) ? Math.max(1, body.ids.length) : 1
}

const number = (value: Json | undefined): number | undefined => (typeof value === 'number' ? value : undefined)
/** As it will be read; `undefined` for what is no number, which the reading of the request refuses. */
const limitOf = ({ limit = null }: JsonMap): number | undefined => (limit === null ? LIMIT_DEFAULT : number(limit))
const listed = (value: Json | undefined): readonly Json[] =>
  value === undefined || value === null ? [] : Array.isArray(value) ? value : [value]

class ReadCheck {
  constructor(
    readonly strict: StrictConfig,
    readonly collection: Collection,
  ) {}

  query(body: JsonMap, limit = limitOf(body)): number {
    const below = listed(body.prefetch).reduce<number>((sum, each) => sum + (isMap(each) ? this.query(each) : 0), 0)
    const { query = null } = body
    if (this.strict.unindexed_filtering_retrieve === false && isMap(query) && query.formula !== undefined)
      checkFormula(readFormula(query, 'query').root, this.collection.indexes)
    checkLimit(limit, this.strict.max_query_limit, 'limit')
    const cost = this.filter(body.filter) - 1 + examplesOf(query)
    if (isMap(body.params ?? null)) this.#params(body.params as JsonMap)
    return below + cost
  }

  groups(body: JsonMap): number {
    const { group_by: key } = body
    if (this.strict.unindexed_filtering_retrieve === false && typeof key === 'string')
      checkGrouping(key, this.collection.indexes)
    const size = number(body.group_size) ?? GROUP_SIZE_DEFAULT
    return this.query(body, (limitOf(body) ?? 1) * size)
  }

  matrix(body: JsonMap): number {
    const { limit, sample } = { limit: number(body.limit), sample: number(body.sample) }
    if (limit !== undefined || sample !== undefined)
      checkLimit((limit ?? 1) * (sample ?? 1), this.strict.max_query_limit, 'limit')
    return this.filter(body.filter)
  }

  listed(body: JsonMap): number {
    checkLimit(limitOf(body), this.strict.max_query_limit, 'limit')
    return this.filter(body.filter)
  }

  exact(value: Json | undefined): void {
    if (this.strict.search_allow_exact === false && value === true)
      throw strictError('Exact search disabled!', 'Set exact=false.')
  }

  /** One, and one for each condition. */
  filter(value: Json | undefined): number {
    if (value === undefined || value === null) return 1
    const { filter } = readFilter(value, 'filter')
    checkFilter(filter, this.strict, this.collection.indexes, this.strict.unindexed_filtering_retrieve)
    return 1 + conditionsOf(filter)
  }

  #params({ exact, hnsw_ef: ef, quantization }: JsonMap): void {
    this.exact(exact)
    const oversampling = isMap(quantization ?? null) ? number((quantization as JsonMap).oversampling) : undefined
    checkLimit(oversampling, this.strict.search_max_oversampling, 'oversampling')
    checkLimit(number(ef), this.strict.search_max_hnsw_ef, 'hnsw_ef')
  }
}

/** Vectors that a candidate is compared with. */
const examplesOf = (query: Json): number => {
  if (!isMap(query)) return 1
  const { recommend = null, discover = null, context = null } = query
  const lists = isMap(recommend)
    ? [...listed(recommend.positive), ...listed(recommend.negative)]
    : isMap(discover)
      ? [null, ...listed(discover.context)]
      : listed(context)
  return Math.max(1, lists.length)
}
