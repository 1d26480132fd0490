import type { JsonValue } from '@meridian/core'
import { type GeoPoint, parsePath } from '@meridian/index'
import { badRequest, formatError, invalid } from '../http/errors.js'
import type { Json, JsonMap } from '../http/json-parse.js'
import { decayRate } from '../query/formula/decay.js'
import { secondsOf } from '../query/formula/evaluate.js'
import type { DecayKind, Expression, Formula, Variable } from '../query/formula/expression.js'
import { readFilter } from './filter.js'
import { isMap, optional, readArray, readMap, readNumber, readText, wrongType } from './read.js'

/** Expressions of one formula: each is evaluated for every candidate. */
const EXPRESSIONS_MAX = 1000
const SCORE = /^\$score(?:\[(\d{1,4})\])?$/

/** `{formula, defaults}`. @throws StoreError `MALFORMED_BODY`, `VALIDATION`, `BAD_REQUEST` for a name that is no variable. */
export const readFormula = (map: JsonMap, path: string): Formula => {
  const reader = new FormulaReader()
  const root = reader.read(map.formula, `${path}.formula`)
  const scoreDefaults = new Map<number, number>()
  const defaults = new Map<string, JsonValue>()
  for (const [name, value] of Object.entries(optional(map.defaults, `${path}.defaults`, {} as JsonMap, readMap))) {
    const source = scoreIndex(name)
    if (source === undefined) defaults.set(variable(name).key, value as JsonValue)
    else if (typeof value === 'number') scoreDefaults.set(source, value)
  }
  return { root, scoreDefaults, defaults }
}

/** Place of the source that `$score` or `$score[2]` names; `undefined` for a payload key. */
const scoreIndex = (name: string): number | undefined => {
  if (!name.startsWith('$')) return undefined
  const found = SCORE.exec(name)
  if (found === null) throw badRequest(`failed to parse variable ID ${name}: use $score, $score[1] or a payload key`)
  return Number(found[1] ?? 0)
}

const variable = (key: string): Variable => ({ key, path: parsePath(key) })

type ReadKind = (reader: FormulaReader, value: Json, path: string) => Expression

const unary =
  (kind: 'neg' | 'abs' | 'sqrt' | 'exp' | 'log10' | 'ln'): ReadKind =>
  (reader, value, path) => ({ kind, of: reader.read(value, path) })

const nary =
  (kind: 'sum' | 'mult'): ReadKind =>
  (reader, value, path) => ({
    kind,
    terms: readArray(value, path).map((term, i) => reader.read(term, `${path}[${i}]`)),
  })

const decaying =
  (shape: DecayKind): ReadKind =>
  (reader, value, path) => {
    const map = readMap(value, path)
    const midpoint = optional(map.midpoint, `${path}.midpoint`, 0.5, readFloat)
    const scale = optional(map.scale, `${path}.scale`, 1, readFloat)
    const isOpen = shape !== 'lin'
    if (isOpen ? midpoint <= 0 || midpoint >= 1 : midpoint < 0 || midpoint > 1)
      throw invalid(
        `${path}.midpoint`,
        `value ${midpoint} invalid, must be between 0 and 1${isOpen ? ', exclusive' : ''}`,
      )
    if (scale <= 0) throw invalid(`${path}.scale`, `value ${scale} invalid, must be above 0`)
    return {
      kind: 'decay',
      shape,
      x: reader.read(map.x, `${path}.x`),
      target: optional(map.target, `${path}.target`, undefined, (target, at) => reader.read(target, at)),
      rate: decayRate(shape, midpoint, scale),
    }
  }

const KINDS: Readonly<Record<string, ReadKind>> = {
  sum: nary('sum'),
  mult: nary('mult'),
  neg: unary('neg'),
  abs: unary('abs'),
  sqrt: unary('sqrt'),
  exp: unary('exp'),
  log10: unary('log10'),
  ln: unary('ln'),
  lin_decay: decaying('lin'),
  exp_decay: decaying('exp'),
  gauss_decay: decaying('gauss'),
  div: (reader, value, path) => {
    const map = readMap(value, path)
    return {
      kind: 'div',
      left: reader.read(map.left, `${path}.left`),
      right: reader.read(map.right, `${path}.right`),
      byZeroDefault: optional(map.by_zero_default, `${path}.by_zero_default`, undefined, readFloat),
    }
  },
  pow: (reader, value, path) => {
    const map = readMap(value, path)
    return {
      kind: 'pow',
      base: reader.read(map.base, `${path}.base`),
      exponent: reader.read(map.exponent, `${path}.exponent`),
    }
  },
  geo_distance: (_, value, path) => {
    const map = readMap(value, path)
    return {
      kind: 'geo_distance',
      origin: readPlace(map.origin, `${path}.origin`),
      to: variable(readText(map.to, `${path}.to`)),
    }
  },
  datetime: (_, value, path) => {
    const seconds = secondsOf(readText(value, path))
    if (seconds === undefined) throw badRequest(`failed to parse date-time ${value}: send RFC 3339 (${path})`)
    return { kind: 'constant', value: seconds }
  },
  datetime_key: (_, value, path) => ({ kind: 'datetime_key', variable: variable(readText(value, path)) }),
}

class FormulaReader {
  #count = 0

  read(value: Json | undefined, path: string): Expression {
    if (++this.#count > EXPRESSIONS_MAX)
      throw invalid(path, `the formula has more than ${EXPRESSIONS_MAX} expressions, send fewer`)
    if (typeof value === 'number' || typeof value === 'bigint')
      return { kind: 'constant', value: readFloat(value, path) }
    if (typeof value === 'string') {
      const source = scoreIndex(value)
      return source === undefined ? { kind: 'payload', variable: variable(value) } : { kind: 'score', source }
    }
    if (!isMap(value)) throw wrongType(path, 'a number, a variable, an expression or a condition', value)
    const names = Object.keys(value)
    const kind = names.find((name) => Object.hasOwn(KINDS, name))
    if (kind === undefined) return { kind: 'condition', filter: readFilter({ must: [value] }, path) }
    if (names.length > 1)
      throw formatError(`${path}: \`${kind}\` stands alone; put the other fields into an expression of their own`)
    return KINDS[kind]!(this, value[kind]!, `${path}.${kind}`)
  }
}

/** Numbers of a formula are float32. */
const readFloat = (value: Json | undefined, path: string): number => {
  const float = Math.fround(readNumber(value, path))
  if (!Number.isFinite(float)) throw invalid(path, 'out of the range of a 32-bit float')
  return float
}

const readPlace = (value: Json | undefined, path: string): GeoPoint => {
  const map = readMap(value, path)
  const lat = readNumber(map.lat, `${path}.lat`)
  const lon = readNumber(map.lon, `${path}.lon`)
  if (Math.abs(lat) > 90) throw invalid(`${path}.lat`, `value ${lat} invalid, must be from -90 to 90`)
  if (Math.abs(lon) > 180) throw invalid(`${path}.lon`, `value ${lon} invalid, must be from -180 to 180`)
  return { lat, lon }
}
