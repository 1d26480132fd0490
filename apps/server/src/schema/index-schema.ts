import { type JsonObject, type JsonValue, uuidId } from '@meridian/core'
import { parseInstant, parsePath } from '@meridian/index'
import type { IndexSchema } from '@meridian/replica'
import { badRequest, formatError, invalid } from '../http/errors.js'
import type { Json } from '../http/json-parse.js'
import { isMap, optional, readFlag, readInteger, readMap, readText, readTexts, wrongType } from './read.js'

export const INDEX_TYPES = ['keyword', 'integer', 'float', 'geo', 'text', 'bool', 'datetime', 'uuid'] as const
export type IndexType = (typeof INDEX_TYPES)[number]

type ReadOption = (value: Json, path: string) => JsonValue

const oneOf =
  (names: readonly string[]): ReadOption =>
  (value, path) => {
    const text = readText(value, path)
    if (!names.includes(text))
      throw formatError(`${path}: unknown variant \`${text.slice(0, 40)}\`, expected one of ${names.join(', ')}`)
    return text
  }

const count: ReadOption = (value, path) => readInteger(value, path, 0, 0xffffffff)

const LANGUAGES =
  'arabic azerbaijani basque bengali catalan chinese danish dutch english finnish french german greek hebrew hinglish hungarian indonesian italian japanese kazakh nepali norwegian portuguese romanian russian slovene spanish swedish tajik turkish'.split(
    ' ',
  )
const STEMMED =
  'arabic armenian danish dutch english finnish french german greek hungarian italian norwegian portuguese romanian russian spanish swedish tamil turkish'.split(
    ' ',
  )

const stopwords: ReadOption = (value, path) => {
  if (typeof value === 'string') return oneOf(LANGUAGES)(value, path)
  if (!isMap(value)) throw wrongType(path, 'a language or an object of languages and custom words', value)
  const languages = optional(value.languages, `${path}.languages`, undefined, (given, at) =>
    readTexts(given, at).map((each, i) => oneOf(LANGUAGES)(each, `${at}[${i}]`)),
  )
  const custom = optional(value.custom, `${path}.custom`, undefined, readTexts)
  return { ...(languages && { languages }), ...(custom && { custom }) }
}

const stemmer: ReadOption = (value, path) => {
  const map = readMap(value, path)
  return {
    type: oneOf(['snowball'])(map.type ?? null, `${path}.type`),
    language: oneOf(STEMMED)(map.language ?? null, `${path}.language`),
  }
}

/** What each type takes beside its name. None of it changes a result; it is kept and shown. */
const OPTIONS: Readonly<Record<IndexType, Readonly<Record<string, ReadOption>>>> = {
  keyword: { is_tenant: readFlag },
  integer: { lookup: readFlag, range: readFlag, is_principal: readFlag },
  float: { is_principal: readFlag },
  geo: {},
  text: {
    tokenizer: oneOf(['prefix', 'whitespace', 'word', 'multilingual']),
    min_token_len: count,
    max_token_len: count,
    lowercase: readFlag,
    ascii_folding: readFlag,
    phrase_matching: readFlag,
    stopwords,
    stemmer,
  },
  bool: {},
  datetime: { is_principal: readFlag },
  uuid: { is_tenant: readFlag },
}
const COMMON: Readonly<Record<string, ReadOption>> = { on_disk: readFlag, enable_hnsw: readFlag }

/** The type alone, or an object of type and options. @throws StoreError `BAD_REQUEST`, `MALFORMED_BODY`, `VALIDATION`. */
export const readIndexSchema = (value: Json | undefined): IndexSchema => {
  if (value === undefined || value === null)
    throw badRequest(`field_schema: missing; send one of ${INDEX_TYPES.join(', ')}, or an object with that as its type`)
  if (typeof value === 'string') return { type: oneOf(INDEX_TYPES)(value, 'field_schema') as string }
  if (!isMap(value)) throw wrongType('field_schema', 'the name of a type or an object', value)
  const type = oneOf(INDEX_TYPES)(value.type ?? null, 'field_schema.type') as IndexType
  const params: JsonObject = { type }
  for (const [name, read] of Object.entries({ ...OPTIONS[type], ...COMMON })) {
    const option = optional(value[name], `field_schema.${name}`, undefined, read)
    if (option !== undefined) params[name] = option
  }
  if (params.lookup === false && params.range === false)
    throw invalid('field_schema', 'lookup and range cannot both be off, turn one on or leave both out')
  return { type, params }
}

const HOLDS: Readonly<Record<IndexType, (value: JsonValue) => boolean>> = {
  keyword: (value) => typeof value === 'string',
  integer: (value) => Number.isInteger(value),
  float: (value) => typeof value === 'number',
  geo: (value) => isMap(value) && typeof value.lon === 'number' && typeof value.lat === 'number',
  text: (value) => typeof value === 'string',
  bool: (value) => typeof value === 'boolean',
  datetime: (value) => typeof value === 'string' && parseInstant(value) !== undefined,
  uuid: (value) => typeof value === 'string' && uuidId(value) !== undefined,
}

const isIndexType = (type: string): type is IndexType => (INDEX_TYPES as readonly string[]).includes(type)

/** Whether a payload has a value of the type at the key, alone or in an array; `undefined` for types of other versions. */
export const holdsTest = (key: string, type: string): ((payload: JsonObject) => boolean) | undefined => {
  if (!isIndexType(type)) return undefined
  const holds = HOLDS[type]
  const path = parsePath(key)
  return (payload) => path(payload, (value) => (Array.isArray(value) ? value.some(holds) : holds(value)))
}
