import type { QuantizedSearch, VectorValue } from '@meridian/core'
import { badRequest, formatError, invalid } from '../http/errors.js'
import type { Json, JsonMap } from '../http/json-parse.js'
import { type ContextPair, contextScoring, discoverScoring } from '../query/discover.js'
import { feedbackScoring } from '../query/feedback.js'
import { type Fusion, RRF_K_DEFAULT } from '../query/fusion.js'
import type { NearestStage, Stage } from '../query/plan.js'
import { averageVector, bestScore, type Examples, sumScores } from '../query/recommend.js'
import { readFormula } from './formula.js'
import { readOrderBy } from './order-by.js'
import { at, readExamples, readQueryVector, stored, type VectorSource } from './query-vector.js'
import { isMap, optional, readArray, readFlag, readInteger, readMap, readNumber } from './read.js'
import { readVector } from './vector.js'

const EF_MAX = 100_000
const MMR_CANDIDATES_MAX = 16_384
/** Every one of them is compared with every candidate. */
const EXAMPLES_MAX = 1000

/** What the kinds are read from, besides the `query` itself. */
export interface Node {
  readonly body: JsonMap
  readonly path: string
  readonly limit: number
  readonly sources: number
  /** Read late: kinds that compare no vectors do not ask for one. */
  source(): VectorSource
}

type ReadKind = (value: Json, path: string, node: Node, query: JsonMap) => Stage

/** The `query` of a node: a vector, an id, or an object that names its kind. */
export const readStage = (query: Json, node: Node): Stage => {
  const path = at(node.path, 'query')
  if (!isMap(query)) return readNearest(query, path, node)
  const kinds = Object.keys(KINDS).filter((kind) => query[kind] !== undefined)
  if (kinds.length > 1) throw formatError(`${path}: ${kinds.join(' and ')} are both given: send one of them`)
  const kind = kinds[0]
  if (kind === undefined) {
    if (query.indices !== undefined || query.values !== undefined) return readNearest(query, path, node)
    const { target } = node.source()
    readVector(query, path, target.params)
    throw formatError(`${path}: send a vector, an id or an object with one of ${Object.keys(KINDS).join(', ')}`)
  }
  return KINDS[kind]!(query[kind]!, `${path}.${kind}`, node, query)
}

const readNearest = (value: Json, path: string, node: Node): NearestStage => {
  const source = node.source()
  return nearestStage(readQueryVector(value, path, source), source, node)
}

const nearestStage = (vector: VectorValue, { target }: VectorSource, { body, path }: Node): NearestStage => {
  const at_ = at(path, 'params')
  const params = optional(body.params, at_, {} as JsonMap, readMap)
  const ef = optional(params.hnsw_ef, `${at_}.hnsw_ef`, 0, (value, place) => readInteger(value, place, 0, EF_MAX))
  const quantization = optional(params.quantization, `${at_}.quantization`, undefined, readQuantized)
  return {
    kind: 'nearest',
    target,
    vector,
    exact: optional(params.exact, `${at_}.exact`, false, readFlag),
    ef: ef === 0 ? undefined : ef,
    ...(quantization && { quantization }),
  }
}

const OVERSAMPLING_MAX = 1000

const readQuantized = (value: Json, path: string): QuantizedSearch => {
  const map = readMap(value, path)
  const oversampling = optional(map.oversampling, `${path}.oversampling`, undefined, readNumber)
  if (oversampling !== undefined && !(oversampling >= 1 && oversampling <= OVERSAMPLING_MAX))
    throw invalid(`${path}.oversampling`, `value ${oversampling} invalid, must be from 1.0 to ${OVERSAMPLING_MAX}.0`)
  const ignore = optional(map.ignore, `${path}.ignore`, false, readFlag)
  const rescore = optional(map.rescore, `${path}.rescore`, true, readFlag)
  return { ignore, rescore, ...(oversampling !== undefined && { oversampling }) }
}

const readMmr: ReadKind = (value, path, node, query) => {
  const nearest = readNearest(value, path, node)
  const mmrPath = `${at(node.path, 'query')}.mmr`
  const mmr = optional(query.mmr, mmrPath, undefined, readMap)
  if (mmr === undefined) return nearest
  const diversity = optional(mmr.diversity, `${mmrPath}.diversity`, 0.5, readNumber)
  if (diversity < 0 || diversity > 1)
    throw invalid(`${mmrPath}.diversity`, `value ${diversity} invalid, must be from 0.0 to 1.0`)
  const candidates = optional(mmr.candidates_limit, `${mmrPath}.candidates_limit`, node.limit, (given, place) =>
    readInteger(given, place, 0, MMR_CANDIDATES_MAX),
  )
  return { kind: 'mmr', nearest, mmr: { lambda: 1 - Math.fround(diversity), candidates } }
}

const readRecommend: ReadKind = (value, path, node) => {
  const map = readMap(value, path)
  const source = node.source()
  const read = (name: string): VectorValue[] =>
    optional(map[name], `${path}.${name}`, [], (given, place) => {
      if (readArray(given, place).length > EXAMPLES_MAX) throw tooMany(place)
      return readExamples(given, place, source)
    })
  const examples: Examples = { positive: read('positive'), negative: read('negative') }
  const strategy = map.strategy ?? 'average_vector'
  if (strategy === 'average_vector') return nearestStage(stored(averageVector(examples), source), source, node)
  const inStoredForm: Examples = {
    positive: examples.positive.map((vector) => stored(vector, source)),
    negative: examples.negative.map((vector) => stored(vector, source)),
  }
  const { target } = source
  if (strategy === 'best_score') return { kind: 'examples', target, scoring: bestScore(inStoredForm) }
  if (strategy === 'sum_scores') return { kind: 'examples', target, scoring: sumScores(inStoredForm) }
  throw formatError(`${path}.strategy: expected one of average_vector, best_score, sum_scores`)
}

const tooMany = (path: string) => invalid(path, `send at most ${EXAMPLES_MAX} examples`)

/** One pair, or several. */
const readPairs = (value: Json | undefined, path: string, source: VectorSource): ContextPair[] =>
  optional(value, path, [], (given) => {
    const items: readonly Json[] = Array.isArray(given) ? given : [given]
    if (items.length > EXAMPLES_MAX) throw tooMany(path)
    return items.map((item, i) => {
      const place = Array.isArray(given) ? `${path}[${i}]` : path
      const pair = readMap(item, place)
      return {
        positive: readQueryVector(pair.positive, `${place}.positive`, source),
        negative: readQueryVector(pair.negative, `${place}.negative`, source),
      }
    })
  })

const readDiscover: ReadKind = (value, path, node) => {
  const map = readMap(value, path)
  const source = node.source()
  const target = readQueryVector(map.target, `${path}.target`, source)
  const scoring = discoverScoring(target, readPairs(map.context, `${path}.context`, source))
  return { kind: 'examples', target: source.target, scoring }
}

const readContext: ReadKind = (value, path, node) => {
  const source = node.source()
  return { kind: 'examples', target: source.target, scoring: contextScoring(readPairs(value, path, source)) }
}

const readFeedback: ReadKind = (value, path, node) => {
  const map = readMap(value, path)
  const source = node.source()
  const items = readArray(map.feedback, `${path}.feedback`)
  if (items.length > EXAMPLES_MAX) throw tooMany(`${path}.feedback`)
  const judged = items.map((item, i) => {
    const place = `${path}.feedback[${i}]`
    const one = readMap(item, place)
    const score = readNumber(one.score, `${place}.score`)
    return { vector: readQueryVector(one.example, `${place}.example`, source), score }
  })
  const naive = readMap(readMap(map.strategy, `${path}.strategy`).naive, `${path}.strategy.naive`)
  const [a, b, c] = ['a', 'b', 'c'].map((name) => readNumber(naive[name], `${path}.strategy.naive.${name}`))
  if (b! < 0) throw invalid(`${path}.strategy.naive.b`, `value ${b} invalid, must be at least 0`)
  const target = readQueryVector(map.target, `${path}.target`, source)
  return {
    kind: 'examples',
    target: source.target,
    scoring: feedbackScoring(target, judged, { a: a!, b: b!, c: c! }),
  }
}

const fused = (fusion: Fusion, { body, sources }: Node): Stage => {
  if (body.using !== undefined && body.using !== null && body.using !== '')
    throw badRequest("Fusion queries cannot be combined with the 'using' field.")
  if (sources === 0) throw badRequest('cannot apply Fusion without prefetches')
  return { kind: 'fusion', fusion }
}

const readFusion: ReadKind = (value, path, node) => {
  if (value === 'dbsf') return fused({ kind: 'dbsf' }, node)
  if (value === 'rrf') return fused({ kind: 'rrf', k: RRF_K_DEFAULT, weights: undefined }, node)
  throw formatError(`${path}: expected rrf or dbsf`)
}

const readRrf: ReadKind = (value, path, node) => {
  const map = readMap(value, path)
  const k = optional(map.k, `${path}.k`, RRF_K_DEFAULT, (given, place) =>
    readInteger(given, place, 1, Number.MAX_SAFE_INTEGER),
  )
  const weights = optional(map.weights, `${path}.weights`, undefined, (given, place) =>
    readArray(given, place).map((weight, i) => Math.fround(readNumber(weight, `${place}[${i}]`))),
  )
  const stage = fused({ kind: 'rrf', k, weights }, node)
  if (weights !== undefined && weights.length !== node.sources)
    throw badRequest(
      `Number of weights in RRF should match number of pre-fetches: got ${weights.length}, expected ${node.sources}`,
    )
  return stage
}

const KINDS: Readonly<Record<string, ReadKind>> = {
  nearest: readMmr,
  recommend: readRecommend,
  discover: readDiscover,
  context: readContext,
  order_by: (value, path) => ({ kind: 'order', by: readOrderBy(value, path) }),
  fusion: readFusion,
  rrf: readRrf,
  formula: (_value, path, { sources }, query) => {
    if (sources === 0) throw badRequest('cannot apply Formula without prefetches')
    return { kind: 'formula', formula: readFormula(query, path.slice(0, -'.formula'.length)) }
  },
  sample: (value, path) => {
    if (value !== 'random') throw formatError(`${path}: expected random`)
    return { kind: 'sample' }
  },
  relevance_feedback: readFeedback,
}
