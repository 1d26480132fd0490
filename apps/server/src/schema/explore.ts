import { type Path, parsePath } from '@meridian/index'
import { formatError } from '../http/errors.js'
import type { JsonMap } from '../http/json-parse.js'
import type { Target } from '../query/plan.js'
import { type ReadFilter, readFilter } from './filter.js'
import { LIMIT_DEFAULT } from './query.js'
import type { QueryContext } from './query-vector.js'
import { NO_SHARD_KEYS, optional, readFlag, readInteger, readText, refuseFields } from './read.js'
import { spaceParams } from './vector.js'

const SAMPLE_DEFAULT = 10
const NEIGHBOURS_DEFAULT = 3

export interface FacetQuery {
  readonly path: Path
  readonly filter: ReadFilter | undefined
  readonly limit: number
}

/** A request of `facet`. Counts are always exact, so `exact` changes nothing. */
export const readFacet = (body: JsonMap, { limitMax }: QueryContext): FacetQuery => {
  refuseFields(body, '', { shard_key: NO_SHARD_KEYS })
  if (body.key === undefined) throw formatError('missing field `key`; send a payload key')
  optional(body.exact, 'exact', true, readFlag)
  return {
    path: parsePath(readText(body.key, 'key')),
    filter: optional(body.filter, 'filter', undefined, readFilter),
    limit: optional(body.limit, 'limit', LIMIT_DEFAULT, (value, path) => readInteger(value, path, 1, limitMax)),
  }
}

export interface MatrixQuery {
  readonly target: Target
  readonly filter: ReadFilter | undefined
  readonly sample: number
  readonly limit: number
}

/** A request of `points/search/matrix/…`. */
export const readMatrix = (body: JsonMap, { collection, limitMax }: QueryContext): MatrixQuery => {
  refuseFields(body, '', { shard_key: NO_SHARD_KEYS })
  const space = optional(body.using, 'using', '', readText)
  return {
    target: { space, params: spaceParams(collection.config, space) },
    filter: optional(body.filter, 'filter', undefined, readFilter),
    sample: optional(body.sample, 'sample', SAMPLE_DEFAULT, (value, path) => readInteger(value, path, 2, limitMax)),
    limit: optional(body.limit, 'limit', NEIGHBOURS_DEFAULT, (value, path) => readInteger(value, path, 1, limitMax)),
  }
}
