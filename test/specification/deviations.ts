import type { Mismatch } from './specification.js'

/** Where this store differs from Qdrant's specification on purpose. `docs/compatibility.md` shows each `why`. */
export interface Deviation {
  readonly part: Mismatch['part']
  /** Of `METHOD /path`, parameters as `{}`. */
  readonly operation: RegExp
  readonly at: RegExp
  readonly reason: RegExp
  readonly why: string
}

export const DEVIATIONS: readonly Deviation[] = [
  {
    part: 'answer',
    operation: /./,
    at: /^$/,
    reason: /^text\/plain \((401|403|429|431)\)/,
    why: 'A request whose key or headers are refused (401, 403, 429, 431) is answered in plain text, as by Qdrant.',
  },
  {
    part: 'answer',
    operation: /^GET \/(healthz|livez|readyz)$/,
    at: /^$/,
    reason: /^status 503/,
    why: '`/healthz`, `/livez` and `/readyz` answer 503 in plain text, with the reason, while it is not so.',
  },
  {
    part: 'request',
    operation: /./,
    at: /./,
    reason: /^must NOT have duplicate items/,
    why: 'Lists that stand for sets (`has_id`, `match.any`) may name an element twice, as with Qdrant.',
  },
  {
    part: 'request',
    operation: /\/points\/query(\/batch|\/groups)?$/,
    at: /\/discover$/,
    reason: /property 'context'$/,
    why: '`context` of `discover` may be left out; the specification only lets it be null.',
  },
  {
    part: 'request',
    operation: /\/points\/(search|recommend|discover)(\/batch|\/groups)?$/,
    at: /^$|^\/searches\/\d+$/,
    reason: /property 'limit'$/,
    why: 'Older searches take `top` for `limit`, as Qdrant does.',
  },
  {
    part: 'request',
    operation: /^GET \/collections$/,
    at: /^\?timeout$/,
    reason: /^no such parameter$/,
    why: '`timeout` of `GET /collections` bounds the wait of a session token or consistency level (ours).',
  },
]

export const deviationOf = (mismatch: Mismatch): Deviation | undefined =>
  DEVIATIONS.find(
    (each) =>
      each.part === mismatch.part &&
      each.operation.test(mismatch.operation) &&
      each.at.test(mismatch.at) &&
      each.reason.test(mismatch.reason),
  )
