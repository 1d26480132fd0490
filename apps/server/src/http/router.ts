import type { IncomingMessage } from 'node:http'
import { StoreError } from '@meridian/core'
import type { Operation } from '../openapi/operation.js'
import type { Grant, Need } from './auth.js'
import { badRequest } from './errors.js'
import type { Answer } from './envelope.js'
import type { Json } from './json-parse.js'

/** One request, as a route sees it. */
export interface Call {
  readonly params: Readonly<Record<string, string>>
  /** Not to be changed: requests without one share it. */
  readonly query: URLSearchParams
  /** `undefined` when the request has none. */
  readonly body: Json | undefined
  /** For routes that read their body themselves, as `ignoresBody` says. */
  readonly request: IncomingMessage
  /** As announced; 0 when the length was not. */
  readonly bodyBytes: number
  /** What the request's key may do; checked for the route and its `collection`, not for names in the body. */
  readonly grant: Grant
  /** Aborts when the client is gone; of all requests of a connection, so a listener must be removed when it is done. */
  readonly signal: AbortSignal
  /** Headers of the answer; a route may add some. */
  readonly told: Record<string, string>
}

export type Method = 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE'

export interface Route {
  readonly method: Method
  /** Segments starting with `:` are parameters. */
  readonly path: string
  /** What goes into the envelope, or an `Answer` made with `answer`. */
  handle(call: Call): unknown
  /** Served without an API key. */
  readonly isOpen?: true
  /** For the published document; Qdrant's own routes have a row in `openapi/operations.ts` instead. */
  readonly doc?: Operation
  /** What its key must be allowed; told from method and path when absent. */
  readonly needs?: Need
  /** Also for keys of single collections, though it names none: it shows each key what is its own. */
  readonly isForAnyKey?: true
  /** Answered without a body, or by a route that reads it itself. */
  readonly ignoresBody?: true
  /** Its body may bring vectors, of points or to search for, which are read in a way of their own. */
  readonly hasVectors?: true
  /** Stays reachable while stopping and before it is ready. */
  readonly isProbe?: true
}

/** Marks a route's result as complete: no envelope is put around it. */
export class Whole {
  constructor(readonly answer: Answer) {}
}

export interface Match {
  readonly route: Route
  readonly params: Readonly<Record<string, string>>
}

/** Literal segments win over parameters; trailing slashes do not matter; HEAD is served as GET. */
export class Router {
  /** By number of segments, those with fewer parameters first: a request is compared with few of them. */
  readonly #byLength = new Map<number, { readonly route: Route; readonly segments: readonly string[] }[]>()

  constructor(routes: readonly Route[]) {
    const sorted = routes
      .map((route) => ({ route, segments: split(route.path) }))
      .sort((a, b) => parameters(a.segments) - parameters(b.segments))
    for (const each of sorted) {
      const alike = this.#byLength.get(each.segments.length) ?? []
      alike.push(each)
      this.#byLength.set(each.segments.length, alike)
    }
  }

  /** @throws StoreError `UNKNOWN_ROUTE`, `METHOD_NOT_ALLOWED`, `BAD_REQUEST` for a path that does not decode. */
  match(method: string, path: string): Match {
    const segments = split(path)
    const wanted = method === 'HEAD' ? 'GET' : method
    const alike = this.#byLength.get(segments.length) ?? []
    for (const { route, segments: pattern } of alike) {
      if (route.method !== wanted || !fits(pattern, segments)) continue
      const params: Record<string, string> = {}
      for (let i = 0; i < pattern.length; i++)
        if (pattern[i]!.startsWith(':')) params[pattern[i]!.slice(1)] = decode(segments[i]!)
      return { route, params }
    }
    const fitting = alike.filter((each) => fits(each.segments, segments))
    if (fitting.length === 0) throw new StoreError('UNKNOWN_ROUTE', `no endpoint ${path}`)
    const allowed = [...new Set(fitting.map(({ route }) => route.method))].join(', ')
    throw new StoreError('METHOD_NOT_ALLOWED', `${method} ${path}: use ${allowed}`)
  }
}

const split = (path: string): string[] => path.replace(/\/+$/, '').split('/').slice(1)
const parameters = (segments: readonly string[]): number => segments.filter((segment) => segment.startsWith(':')).length
const fits = (pattern: readonly string[], segments: readonly string[]): boolean => {
  // From the end: that is where routes of one length differ.
  for (let i = pattern.length - 1; i >= 0; i--) {
    const part = pattern[i]!
    if (part !== segments[i] && (part[0] !== ':' || segments[i] === '')) return false
  }
  return true
}

const decode = (segment: string): string => {
  try {
    return decodeURIComponent(segment)
  } catch {
    throw badRequest(`${segment}: the path is not percent-encoded UTF-8`)
  }
}
