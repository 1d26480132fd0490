import { passes } from './filter.js'
import { metres } from './geo.js'
import { type Point, valuesAt } from './points.js'
import { f32 } from './vectors.js'

// biome-ignore lint/suspicious/noExplicitAny: request bodies are plain JSON.
type Any = any

/** Reads the expression of a request for one point. `scores` are the point's scores by source. */
export const formulaValue = (
  expression: Any,
  point: Point,
  scores: readonly (number | undefined)[],
  defaults: Any,
): number => {
  const of = (inner: Any): number => formulaValue(inner, point, scores, defaults)
  const stored = (key: string): Any => {
    const values = valuesAt(point.payload, key)
    return values.length === 1 ? values[0] : values.length === 0 ? defaults?.[key] : values
  }
  if (typeof expression === 'number') return f32(expression)
  if (typeof expression === 'string') {
    const score = /^\$score(\[(\d)\])?$/.exec(expression)
    if (score === null) return stored(expression)
    const source = Number(score[2] ?? 0)
    return scores[source] ?? defaults?.[expression] ?? 0
  }
  const [kind, body]: [string, Any] = Object.entries(expression)[0] as [string, Any]
  switch (kind) {
    case 'sum':
      return body.map(of).reduce((a: number, b: number) => a + b, 0)
    case 'mult':
      return body.map(of).reduce((a: number, b: number) => a * b, 1)
    case 'neg':
      return -of(body)
    case 'abs':
      return Math.abs(of(body))
    case 'sqrt':
      return Math.sqrt(of(body))
    case 'exp':
      return Math.exp(of(body))
    case 'log10':
      return Math.log10(of(body))
    case 'ln':
      return Math.log(of(body))
    case 'pow':
      return of(body.base) ** of(body.exponent)
    case 'div': {
      if (of(body.left) === 0) return 0
      return of(body.right) === 0 ? f32(body.by_zero_default) : of(body.left) / of(body.right)
    }
    case 'geo_distance':
      return metres(body.origin, stored(body.to))
    case 'datetime':
      return Date.parse(body) / 1000
    case 'datetime_key':
      return Date.parse(stored(body)) / 1000
    case 'lin_decay':
    case 'exp_decay':
    case 'gauss_decay': {
      const away = Math.abs(of(body.x) - (body.target === undefined ? 0 : of(body.target)))
      const scale = f32(body.scale ?? 1)
      const middle = f32(body.midpoint ?? 0.5)
      if (kind === 'lin_decay') return Math.max(0, 1 - ((1 - middle) * away) / scale)
      return kind === 'exp_decay' ? middle ** (away / scale) : middle ** ((away / scale) ** 2)
    }
    default:
      return passes(point, { must: [expression] }) ? 1 : 0
  }
}
