import { type Deviation, deviationOf } from './deviations.js'
import type { Exchange } from './exchange.js'
import { type Mismatch, Specification } from './specification.js'

/**
 * Holds exchanges to Qdrant's specification and to our published document.
 * 1. Every answer fits both, where the operation is in both; ids of text are ours alone.
 * 2. What was answered with success was a legal request: by both, or by ours where the difference is a listed deviation.
 */
export class Judge {
  readonly #strict = Specification.qdrant({ checksUuids: true })
  readonly #loose = Specification.qdrant()
  readonly #own: Specification
  /** Deviations that were needed. */
  readonly used = new Set<Deviation>()

  constructor(published: unknown) {
    this.#own = new Specification(published)
  }

  /** What does not fit, as sentences that name the operation, the place and the reason. */
  problems(exchange: Exchange): string[] {
    const { method, url, status, contentType } = exchange
    if (method === 'HEAD' || method === 'OPTIONS' || status === 499) return []
    const isSuccess = status < 300
    if (isSuccess && !this.#own.has(method, url))
      return [`${method} ${url}: answered with ${status}, and not in the published document`]
    const answer = parsed(exchange.answer)
    const request = parsed(exchange.request)
    if (answer === NOT_JSON) return [`${method} ${url}: the answer is not JSON`]
    const problems = this.#both((specification) =>
      specification.has(method, url)
        ? specification.answer(method, url, status, answer, contentType)
        : isSuccess
          ? undefined
          : unplaced(this.#own, exchange, answer),
    )
    if (!isSuccess) return problems
    if (request === NOT_JSON) return [...problems, `${method} ${url}: a body that is not JSON was taken`]
    return [...problems, ...this.#both((specification) => specification.request(method, url, request))]
  }

  #both(check: (specification: Specification) => Mismatch | undefined): string[] {
    const theirs = check(this.#strict) && check(this.#loose)
    const deviation = theirs && deviationOf(theirs)
    if (deviation !== undefined) this.used.add(deviation)
    const ours = check(this.#own)
    return [
      ...(theirs === undefined || deviation !== undefined ? [] : [told("Qdrant's specification", theirs)]),
      ...(ours === undefined ? [] : [told('the published document', ours)]),
    ]
  }
}

const NOT_JSON = Symbol('not JSON')

const parsed = (text: string | undefined): unknown => {
  if (text === undefined) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return NOT_JSON
  }
}

/** An error of no operation: an unknown path or method. It has the form of every other error. */
const unplaced = (own: Specification, { status, contentType }: Exchange, answer: unknown): Mismatch | undefined =>
  own.answer('GET', '/collections', status, answer, contentType)

const told = (by: string, { operation, part, at, reason }: Mismatch): string =>
  `${operation}: ${part} at ${at === '' ? 'the top' : at}: ${reason} (by ${by})`
