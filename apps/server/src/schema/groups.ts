import { parsePath } from '@meridian/index'
import type { Collection } from '@meridian/replica'
import { formatError, invalid } from '../http/errors.js'
import type { Json, JsonMap } from '../http/json-parse.js'
import type { Grouping } from '../query/groups.js'
import { type Parts, readParts } from '../query/present.js'
import { LIMIT_DEFAULT, readShown, readTree, type ShownQuery } from './query.js'
import type { QueryContext } from './query-vector.js'
import { isMap, optional, readInteger, readText } from './read.js'

const GROUP_SIZE_DEFAULT = 3

/** Points of another collection that groups name by their ids. */
export interface Lookup {
  readonly collection: Collection
  readonly parts: Parts
}

export interface GroupsQuery {
  readonly query: ShownQuery
  readonly grouping: Grouping
  readonly lookup: Lookup | undefined
}

/** One request of `points/query/groups`. */
export const readGroups = (body: JsonMap, context: QueryContext): GroupsQuery => {
  const { limitMax } = context
  if (body.group_by === undefined) throw formatError('missing field `group_by`; send a payload key')
  const key = readText(body.group_by, 'group_by')
  if (key === '') throw invalid('group_by', 'the key is empty, send a payload key')
  const grouping: Grouping = {
    path: parsePath(key),
    groupSize: optional(body.group_size, 'group_size', GROUP_SIZE_DEFAULT, (value, path) =>
      readInteger(value, path, 1, limitMax),
    ),
    limit: optional(body.limit, 'limit', LIMIT_DEFAULT, (value, path) => readInteger(value, path, 1, limitMax)),
  }
  const count = grouping.groupSize * grouping.limit
  if (count > limitMax)
    throw invalid(
      'group_size',
      `${grouping.limit} groups of ${grouping.groupSize} are ${count} points, ask for at most ${limitMax}`,
    )
  return {
    // What defaults to the limit, as the candidates of `mmr` do, is to do for all groups.
    query: {
      ...readTree({ ...body, limit: count }, context),
      parts: readShown(body, context.collection.config, count),
    },
    grouping,
    lookup: optional(body.with_lookup, 'with_lookup', undefined, (value, path) => readLookup(value, path, context)),
  }
}

/** The older requests have no defaults. */
export const requireGroupSizes = (body: JsonMap): void => {
  for (const name of ['group_by', 'group_size', 'limit'])
    if (body[name] === undefined || body[name] === null) throw formatError(`missing field \`${name}\``)
}

const readLookup = (value: Json, path: string, context: QueryContext): Lookup => {
  const map = isMap(value) ? value : { collection: value }
  const collection = context.lookup(readText(map.collection, isMap(value) ? `${path}.collection` : path))
  return { collection, parts: readParts(map, collection.config, true) }
}
