import { type JsonObject, type JsonValue, type StoreError, unreachable } from '@meridian/core'
import { type GeoPoint, geoPointOf, parseInstant } from '@meridian/index'
import { wrongInput } from '../../http/errors.js'
import type { ReadFilter } from '../../schema/filter.js'
import { decay } from './decay.js'
import type { Expression, Formula, Variable } from './expression.js'
import { geoDistance } from './geo-distance.js'

/** What a formula is told of one point. */
export interface Facts {
  readonly payload: JsonObject
  /** Of a source, by its place; `undefined` where it did not find the point. */
  score(source: number): number | undefined
  holds(filter: ReadFilter): boolean
}

/**
 * Evaluates in doubles; the score is the float32 of the result.
 * @throws StoreError `WRONG_INPUT` for a variable without a value of the type it needs, and for a result that is not finite.
 */
export const evaluate = (formula: Formula, facts: Facts): number => {
  const value = compute(formula.root, formula, facts)
  if (Number.isNaN(value)) throw notFinite('formula')
  return Math.fround(value)
}

const compute = (expression: Expression, formula: Formula, facts: Facts): number => {
  const of = (inner: Expression): number => compute(inner, formula, facts)
  switch (expression.kind) {
    case 'constant':
      return expression.value
    case 'score':
      return facts.score(expression.source) ?? formula.scoreDefaults.get(expression.source) ?? 0
    case 'payload':
      return read(expression.variable, 'number', formula, facts, numberOf)
    case 'condition':
      return facts.holds(expression.filter) ? 1 : 0
    case 'geo_distance':
      return geoDistance(expression.origin, read(expression.to, 'geo point', formula, facts, geoPointOf) as GeoPoint)
    case 'datetime_key':
      return read(expression.variable, 'datetime', formula, facts, secondsOf)
    case 'sum':
      return expression.terms.reduce((sum, term) => sum + of(term), 0)
    case 'mult': {
      let product = 1
      for (const term of expression.terms) {
        const factor = of(term)
        // What comes after a zero is not asked for, so it may be missing.
        if (factor === 0) return 0
        product *= factor
      }
      return product
    }
    case 'neg':
      return -of(expression.of)
    case 'abs':
      return Math.abs(of(expression.of))
    case 'sqrt':
      return finite(of(expression.of), Math.sqrt, (value) => `√${value}`)
    case 'exp':
      return finite(of(expression.of), Math.exp, (value) => `exp(${value})`)
    case 'log10':
      return finite(of(expression.of), Math.log10, (value) => `log10(${value})`)
    case 'ln':
      return finite(of(expression.of), Math.log, (value) => `ln(${value})`)
    case 'pow': {
      const exponent = of(expression.exponent)
      return finite(
        of(expression.base),
        (base) => base ** exponent,
        (base) => `${base}^${exponent}`,
      )
    }
    case 'div': {
      const left = of(expression.left)
      if (left === 0) return 0
      const right = of(expression.right)
      if (right === 0 && expression.byZeroDefault !== undefined) return expression.byZeroDefault
      return finite(
        right,
        (divisor) => left / divisor,
        (divisor) => `${left}/${divisor}`,
      )
    }
    case 'decay': {
      const x = of(expression.x)
      return decay(expression.shape, x, expression.target === undefined ? 0 : of(expression.target), expression.rate)
    }
    default:
      return unreachable(expression)
  }
}

const notFinite = (what: string): StoreError => wrongInput(`The expression ${what} produced a non-finite number`)

const finite = (value: number, apply: (value: number) => number, name: (value: number) => string): number => {
  const result = apply(value)
  if (!Number.isFinite(result)) throw notFinite(`${name(value)} = ${result}`)
  return result
}

const numberOf = (value: JsonValue): number | undefined => (typeof value === 'number' ? value : undefined)

/** Of a date, to the microsecond. */
export const secondsOf = (value: JsonValue): number | undefined => {
  const instant = typeof value === 'string' ? parseInstant(value) : undefined
  return instant && (instant.ms * 1000 + Math.floor(instant.ns / 1000)) / 1e6
}

const read = <T>(
  { key, path }: Variable,
  type: string,
  formula: Formula,
  facts: Facts,
  parse: (value: JsonValue) => T | undefined,
): T => {
  const values: JsonValue[] = []
  path(facts.payload, (value) => {
    if (Array.isArray(value)) values.push(...value)
    else values.push(value)
    return false
  })
  const value = values.length === 0 ? formula.defaults.get(key) : values.length === 1 ? values[0] : values
  if (value === undefined) throw unusable(key, type, 'No value found in a payload nor defaults')
  const parsed = parse(value)
  if (parsed === undefined) throw unusable(key, type, `Value is not a ${type}`)
  return parsed
}

const unusable = (key: string, type: string, why: string): StoreError =>
  wrongInput(`Expected ${type} value for ${key} in the payload and/or in the formula defaults. Error: ${why}`)
