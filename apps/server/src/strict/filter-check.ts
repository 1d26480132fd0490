import { uuidId } from '@meridian/core'
import type { Condition, FieldCondition, Filter } from '@meridian/index'
import type { Collection, IndexSchema } from '@meridian/replica'
import type { Expression } from '../query/formula/expression.js'
import { strictError } from './strict-errors.js'
import type { StrictConfig } from './strict-settings.js'

type Indexes = Collection['indexes']

/** How a payload index helps. */
type Use =
  | 'keyword'
  | 'uuid'
  | 'integer'
  | 'integer range'
  | 'float range'
  | 'bool'
  | 'text'
  | 'phrase'
  | 'datetime'
  | 'geo'

const SHOWN: Readonly<Record<Use, string>> = {
  keyword: 'keyword',
  uuid: 'uuid',
  integer: 'integer',
  'integer range': 'integer',
  'float range': 'float',
  bool: 'bool',
  text: 'text',
  phrase: 'text',
  datetime: 'datetime',
  geo: 'geo',
}
const ANY = Object.keys(SHOWN) as Use[]

/** Conditions of a filter, those of the filters in it included. */
export const conditionsOf = (filter: Filter): number =>
  each(filter).reduce((sum, condition) => sum + count(condition), 0)

const each = ({ must = [], should = [], must_not = [], min_should }: Filter): readonly Condition[] => [
  ...must,
  ...should,
  ...must_not,
  ...(min_should?.conditions ?? []),
]

const count = (condition: Condition): number => {
  const below = filterIn(condition)
  return below === undefined ? 1 : conditionsOf(below)
}

const filterIn = (condition: Condition): Filter | undefined => {
  if ('nested' in condition) return condition.nested.filter
  return isPlain(condition) ? undefined : (condition as Filter)
}

const isPlain = (condition: Condition): boolean =>
  ['key', 'is_empty', 'is_null', 'has_id', 'has_vector'].some((name) => name in condition)

/** Elements of the largest list in it. */
const sizeOf = (condition: Condition): number => {
  if ('has_id' in condition) return condition.has_id.length
  if ('key' in condition) return sizeOfField(condition)
  const below = filterIn(condition)
  return below === undefined ? 0 : largest(below)
}

const largest = (filter: Filter): number =>
  each(filter).reduce((size, condition) => Math.max(size, sizeOf(condition)), 0)

const sizeOfField = ({ match, geo_polygon: polygon }: FieldCondition): number => {
  const listed =
    match === undefined ? 0 : 'any' in match ? match.any.length : 'except' in match ? match.except.length : 1
  const rings = polygon === undefined ? [] : [polygon.exterior, ...(polygon.interiors ?? [])]
  return Math.max(
    listed,
    rings.reduce((sum, { points }) => sum + points.length, 0),
  )
}

/** @throws StoreError `BAD_REQUEST` for a filter that is too large, or looks at what no index knows where that is not allowed. */
export const checkFilter = (
  filter: Filter,
  strict: StrictConfig,
  indexes: Indexes,
  isUnindexedAllowed: boolean | undefined,
): void => {
  const { filter_max_conditions: most, condition_max_size: largestAllowed } = strict
  const conditions = most === undefined ? 0 : conditionsOf(filter)
  if (most !== undefined && conditions > most)
    throw strictError(
      `Filter condition limit reached (${conditions} > ${most})`,
      'Reduce the amount of conditions of your filter.',
    )
  const size = largestAllowed === undefined ? 0 : largest(filter)
  if (largestAllowed !== undefined && size > largestAllowed)
    throw strictError(
      `Condition size limit reached (${size} > ${largestAllowed})`,
      'Reduce the size of your condition.',
    )
  if (isUnindexedAllowed === false)
    checkIndexed(filter, indexes, '', 'Create an index for this key or use a different filter.')
}

const checkIndexed = (filter: Filter, indexes: Indexes, prefix: string, help: string): void => {
  for (const condition of each(filter)) {
    if ('nested' in condition) {
      const { key, filter: below } = condition.nested
      checkIndexed(below, indexes, `${prefix}${key.replace(/\[\]$/, '')}[].`, help)
    } else if ('key' in condition) demand(prefix + condition.key, usesOf(condition), indexes, help)
    else if ('is_empty' in condition) demand(prefix + condition.is_empty.key, ANY, indexes, help)
    else if ('is_null' in condition) demand(prefix + condition.is_null.key, ANY, indexes, help)
    else if (!isPlain(condition)) checkIndexed(condition as Filter, indexes, prefix, help)
  }
}

const demand = (key: string, uses: readonly Use[], indexes: Indexes, help: string): void => {
  // Of a list that is empty nothing has to be looked up.
  if (uses.length === 0) return
  const schema = indexes.get(key)
  if (schema !== undefined && uses.some((use) => helps(schema, use))) return
  const types = [...new Set(uses.map((use) => SHOWN[use]))].sort()
  throw strictError(
    `Index required but not found for "${key}" of one of the following types: [${types.join(', ')}]`,
    help,
  )
}

const helps = ({ type, params }: IndexSchema, use: Use): boolean => {
  const options = (params ?? {}) as Readonly<Record<string, unknown>>
  switch (use) {
    case 'integer':
      return type === 'integer' && options.lookup !== false
    case 'integer range':
      return type === 'integer' && options.range !== false
    case 'phrase':
      return type === 'text' && options.phrase_matching === true
    default:
      return type === SHOWN[use]
  }
}

/** Which indexes would answer the condition; any of them will do. */
const usesOf = (condition: FieldCondition): Use[] => {
  const { match, range, values_count: values } = condition
  const uses: Use[] = []
  if (match !== undefined) uses.push(...usesOfMatch(match))
  if (range !== undefined) {
    const isDate = Object.values(range).some((bound) => typeof bound === 'string')
    uses.push(...(isDate ? (['datetime'] as const) : (['float range', 'integer range'] as const)))
  }
  if (['geo_bounding_box', 'geo_radius', 'geo_polygon'].some((name) => Object(condition)[name] !== undefined))
    uses.push('geo')
  if (values !== undefined) uses.push(...ANY)
  return uses
}

const usesOfMatch = (match: NonNullable<FieldCondition['match']>): Use[] => {
  if ('text' in match || 'text_any' in match) return ['text']
  if ('phrase' in match) return ['phrase']
  const values = 'value' in match ? [match.value] : 'any' in match ? match.any : match.except
  if (values.length === 0) return []
  if (typeof values[0] === 'boolean') return ['bool']
  if (typeof values[0] === 'number') return ['integer']
  return values.every((value) => uuidId(String(value)) !== undefined) ? ['uuid', 'keyword'] : ['keyword']
}

/** Looks at every variable and condition of a formula. @throws StoreError as `checkFilter`. */
export const checkFormula = (expression: Expression, indexes: Indexes): void => {
  const help = 'Create an index for this key or use a different formula expression.'
  const { kind } = expression
  if (kind === 'payload') demand(expression.variable.key, ['integer', 'integer range', 'float range'], indexes, help)
  if (kind === 'condition') checkIndexed(expression.filter.filter, indexes, '', help)
  if (kind === 'geo_distance') demand(expression.to.key, ['geo'], indexes, help)
  if (kind === 'datetime_key') demand(expression.variable.key, ['datetime'], indexes, help)
  for (const each of partsOf(expression)) checkFormula(each, indexes)
}

const partsOf = (expression: Expression): readonly Expression[] => {
  switch (expression.kind) {
    case 'sum':
    case 'mult':
      return expression.terms
    case 'div':
      return [expression.left, expression.right]
    case 'pow':
      return [expression.base, expression.exponent]
    case 'decay':
      return expression.target === undefined ? [expression.x] : [expression.x, expression.target]
    case 'neg':
    case 'abs':
    case 'sqrt':
    case 'exp':
    case 'log10':
    case 'ln':
      return [expression.of]
    default:
      return []
  }
}

const MATCHING = ['keyword', 'uuid', 'integer', 'bool']

/** A key that groups go by must be looked up. @throws StoreError `BAD_REQUEST`. */
export const checkGrouping = (key: string, indexes: Indexes): void => {
  const schema = indexes.get(key)
  const help = 'Create an index supporting `match` for this key.'
  if (schema === undefined) throw strictError(`Index required but not found for "${key}"`, help)
  const { lookup } = (schema.params ?? {}) as { lookup?: boolean }
  if (!MATCHING.includes(schema.type) || lookup === false)
    throw strictError(`Index of type "${schema.type}" found for "${key}"`, help)
}
