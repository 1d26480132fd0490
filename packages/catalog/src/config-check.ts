import {
  type CollectionConfig,
  DATATYPES,
  METRICS,
  SHARDS_MAX,
  VECTOR_DIMS_MAX,
  VECTOR_NAME_BYTES_MAX,
} from '@meridian/core'

const integerIn = (value: unknown, min: number, max: number): value is number =>
  Number.isInteger(value) && (value as number) >= min && (value as number) <= max

// A lone surrogate has no UTF-8 form.
const SURROGATE = /\p{Surrogate}/u

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * Says what is wrong with a collection's configuration, or nothing. One without vectors has points with payload only. Fields that this version does not know are let pass: a
 * newer region may have written them, and they count when configurations are compared.
 */
export const configProblem = (config: unknown): string | undefined => {
  if (!isObject(config)) return 'config is not an object'
  if (!integerIn(config.shards, 1, SHARDS_MAX)) return `shards must be an integer from 1 to ${SHARDS_MAX}`
  if (!isObject(config.vectors)) return 'vectors is not an object'
  if (config.sparse !== undefined && !isObject(config.sparse)) return 'sparse is not an object'
  const sparse = Object.entries(config.sparse ?? {})
  const spaces = Object.entries(config.vectors)
  for (const [name, space] of spaces) {
    const problem = spaceProblem(name, space)
    if (problem !== undefined) return `vector ${JSON.stringify(name)}: ${problem}`
  }
  for (const [name, space] of sparse) {
    const problem = Object.hasOwn(config.vectors, name) ? 'a dense vector has the name' : sparseProblem(name, space)
    if (problem !== undefined) return `sparse vector ${JSON.stringify(name)}: ${problem}`
  }
  return undefined
}

const nameOfSpaceProblem = (name: string): string | undefined =>
  SURROGATE.test(name) || Buffer.byteLength(name) > VECTOR_NAME_BYTES_MAX
    ? `a name is at most ${VECTOR_NAME_BYTES_MAX} bytes of well-formed text`
    : undefined

const sparseProblem = (name: string, space: unknown): string | undefined => {
  const problem = nameOfSpaceProblem(name)
  if (problem !== undefined) return problem
  if (!isObject(space)) return 'is not an object'
  return ['none', 'idf'].some((modifier) => modifier === space.modifier) ? undefined : 'modifier must be none or idf'
}

const spaceProblem = (name: string, space: unknown): string | undefined => {
  const problem = nameOfSpaceProblem(name)
  if (problem !== undefined) return problem
  if (!isObject(space)) return 'is not an object'
  if (space.datatype !== undefined && !DATATYPES.some((datatype) => datatype === space.datatype))
    return `datatype must be one of ${DATATYPES.join(', ')}, or left out for float32`
  if (space.multi !== undefined && space.multi !== 'max_sim') return 'multi must be max_sim'
  if (!integerIn(space.size, 1, VECTOR_DIMS_MAX)) return `size must be an integer from 1 to ${VECTOR_DIMS_MAX}`
  if (!METRICS.some((metric) => metric === space.metric)) return `metric must be one of ${METRICS.join(', ')}`
  if (!isObject(space.hnsw)) return 'hnsw is not an object'
  if (!integerIn(space.hnsw.m, 4, 128)) return 'm must be an integer from 4 to 128'
  if (!integerIn(space.hnsw.efConstruct, 4, 4096)) return 'efConstruct must be an integer from 4 to 4096'
  return undefined
}

/** For values that passed `configProblem`. */
export const asConfig = (config: unknown): CollectionConfig => config as CollectionConfig

export const NAME_LENGTH_MAX = 255

// As Qdrant: what cannot stand in a file name cannot stand in a collection's name.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
const NAME_REFUSED = /[<>:"/\\|?*\u0000-\u001f\u007f]/
const CONFLICT_NAME = /~[0-9a-f]{16}$/

/** Says what is wrong with a collection's name, or nothing. `name~uid` is kept free for conflicts. */
export const nameProblem = (name: string): string | undefined => {
  if (name.length === 0 || name.length > NAME_LENGTH_MAX) return `a name is 1 to ${NAME_LENGTH_MAX} characters`
  if (SURROGATE.test(name)) return 'a name is well-formed text'
  if (name === '.' || name === '..') return 'a name is not a path'
  if (NAME_REFUSED.test(name)) return 'a name holds no control characters and none of <>:"/\\|?*'
  if (CONFLICT_NAME.test(name)) return 'a name does not end in ~ and 16 hex digits: such names show conflicts'
  return undefined
}
