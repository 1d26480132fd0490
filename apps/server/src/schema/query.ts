import type { CollectionConfig, PointId } from '@meridian/core'
import { badRequest, invalid } from '../http/errors.js'
import type { Json, JsonMap } from '../http/json-parse.js'
import { bothFilters } from '../query/matching.js'
import type { Plan, Query } from '../query/plan.js'
import { type Parts, readParts, refuseHugeAnswer } from '../query/present.js'
import { type ReadFilter, readFilter } from './filter.js'
import { readStage } from './query-kind.js'
import { at, type QueryContext, readSource } from './query-vector.js'
import { NO_SHARD_KEYS, optional, readInteger, readMap, readNumber, refuseFields } from './read.js'

export const LIMIT_DEFAULT = 10
/** Nodes of one request: each is a search. */
const PREFETCHES_MAX = 256

/** A request of `points/query` and how its points are shown. */
export interface ShownQuery extends Query {
  readonly parts: Parts
}

/** One request of `points/query`. Ids that stand for vectors are resolved here and now. */
export const readQuery = (body: JsonMap, context: QueryContext): ShownQuery => {
  const query = readTree(body, context)
  const offset = optional(body.offset, 'offset', 0, (value, path) => readInteger(value, path, 0, context.limitMax))
  return { ...query, offset, parts: readShown(body, context.collection.config, query.plan.limit) }
}

/** What is shown of `count` points. */
export const readShown = (body: JsonMap, config: CollectionConfig, count: number): Parts => {
  const parts = readParts(body, config, false)
  refuseHugeAnswer(parts, config, count)
  return parts
}

/** The nodes of a request. */
export const readTree = (body: JsonMap, context: QueryContext): Query => {
  refuseFields(body, '', { shard_key: NO_SHARD_KEYS })
  const except = new Set<PointId>()
  const plan = new TreeReader(context, except).read(body, '', undefined)
  return { plan, except, offset: 0 }
}

class TreeReader {
  #nodes = 0

  constructor(
    readonly context: QueryContext,
    readonly except: Set<PointId>,
  ) {}

  /** A filter holds for the node's prefetches too. */
  read(body: JsonMap, path: string, above: ReadFilter | undefined): Plan {
    if (++this.#nodes > PREFETCHES_MAX) throw invalid(path, `more than ${PREFETCHES_MAX} prefetches, send fewer`)
    const filter = bothFilters(above, optional(body.filter, at(path, 'filter'), undefined, readFilter))
    const limit = optional(body.limit, at(path, 'limit'), LIMIT_DEFAULT, (value, place) =>
      readInteger(value, place, 1, this.context.limitMax),
    )
    const threshold = optional(body.score_threshold, at(path, 'score_threshold'), undefined, readNumber)
    const below = prefetches(body.prefetch, at(path, 'prefetch'))
    const query = body.query ?? undefined
    refuseLoose(query, below.length > 0, threshold !== undefined)
    const sources = below.map(({ map, place }) => this.read(map, place, filter))
    const node = {
      body,
      path,
      limit,
      sources: sources.length,
      source: () => readSource(body, path, this.context, this.except),
    }
    const stage = query === undefined ? ({ kind: 'list' } as const) : readStage(query, node)
    if (stage.kind === 'order' && threshold !== undefined)
      throw badRequest("Can't use score_threshold with an order_by query.")
    return { stage, sources, filter, threshold, limit }
  }
}

/** One prefetch, or several. */
const prefetches = (value: Json | undefined, path: string): { map: JsonMap; place: string }[] =>
  optional(value, path, [], (given) => {
    if (!Array.isArray(given)) return [{ map: readMap(given, path), place: path }]
    return given.map((item, i) => ({ map: readMap(item, `${path}[${i}]`), place: `${path}[${i}]` }))
  })

const refuseLoose = (query: Json | undefined, hasPrefetch: boolean, hasThreshold: boolean): void => {
  if (query !== undefined) return
  if (hasPrefetch)
    throw badRequest("A query is needed to merge the prefetches. Can't have prefetches without defining a query.")
  if (hasThreshold)
    throw badRequest(
      "A query is needed to use the score_threshold. Can't have score_threshold without defining a query.",
    )
}
