import { randomInt } from 'node:crypto'
import { StoreError } from '@meridian/core'
import type { Collection } from '@meridian/replica'
import { mayRead } from '../http/access.js'
import { forbidden } from '../http/auth.js'
import { wrongInput } from '../http/errors.js'
import type { Call } from '../http/router.js'
import type { Scope } from '../query/execute.js'
import { PlanTrace } from '../query/plan-trace.js'
import { collectionOf, nameOf, type Region } from '../region.js'
import { checkRead, readTimeout } from '../schema/params.js'
import type { QueryContext } from '../schema/query-vector.js'

/** Times that a search is made, where the collection is loaded anew each time. */
const ATTEMPTS_MAX = 2

/** What a search route works with. */
export interface Search {
  readonly context: QueryContext
  readonly scope: Scope
}

/**
 * Bounded by the request's `timeout` and by the client's patience. A collection that is loaded anew meanwhile (another conflict
 * policy, another incarnation) numbers its records anew: what was found is worth nothing then, and it is searched once more.
 */
export const timed = async <T>(region: Region, call: Call, run: (search: Search) => Promise<T>): Promise<T> => {
  checkRead(call.query)
  const name = call.params.collection!
  const timeoutMs = readTimeout(call.query)
  const started = performance.now()
  region.intake.passage.searched()
  const limit = timeoutMs === undefined ? undefined : new TimeLimit(call.signal, timeoutMs)
  const signal = limit?.signal ?? call.signal
  const lookup = (other: string): Collection => {
    if (!mayRead(call.grant, other, (name) => nameOf(region, name))) throw forbidden(call.grant, 'read')
    return collectionOf(region, other)
  }
  try {
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
      const collection = collectionOf(region, name)
      const trace = new PlanTrace()
      const context = { collection, limitMax: region.config.limitMax, lookup }
      const scope = { collection, index: region.index, draw: randomInt, signal, tell: trace.tell }
      const found = await once(region, name, collection, signal, () => run({ context, scope }))
      if (found === undefined) continue
      if (trace.header !== undefined) call.told['meridian-plan'] = trace.header
      return found.value
    }
    throw new StoreError('NOT_READY', 'the collection was loaded anew again and again while it was searched; try again')
  } catch (error) {
    if (limit?.isOver)
      throw new StoreError(
        'TIMEOUT',
        `the search took longer than ${timeoutMs! / 1000} s; raise timeout or narrow the search`,
      )
    throw error
  } finally {
    limit?.[Symbol.dispose]()
    region.metrics.searchSeconds.observe((performance.now() - started) / 1000)
  }
}

/**
 * Aborts after a time, or with `outer`. Not `AbortSignal.any`, which leaves something of each request behind at a signal that
 * lasts as long as the connection.
 */
class TimeLimit implements Disposable {
  readonly #controller = new AbortController()
  readonly #timer: NodeJS.Timeout
  readonly #gone = (): void => this.#controller.abort(this.outer.reason)
  isOver = false

  constructor(
    readonly outer: AbortSignal,
    timeoutMs: number,
  ) {
    this.#timer = setTimeout(() => {
      this.isOver = true
      this.#controller.abort()
    }, timeoutMs).unref()
    if (outer.aborted) this.#gone()
    else outer.addEventListener('abort', this.#gone, { once: true })
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
    this.outer.removeEventListener('abort', this.#gone)
  }
}

/** `undefined`: another state took the collection's place meanwhile. @throws StoreError `COLLECTION_NOT_FOUND`: it was dropped. */
const once = async <T>(
  region: Region,
  name: string,
  collection: Collection,
  signal: AbortSignal,
  run: () => Promise<T>,
): Promise<{ readonly value: T } | undefined> => {
  const { config } = collection
  let value: T
  try {
    value = await run()
  } catch (error) {
    // Whatever the index says of a collection that is gone, this is what happened.
    const now = collectionOf(region, name)
    if (now !== collection && !signal.aborted) return undefined
    if (error instanceof StoreError && error.code === 'NOT_READY' && now.config !== config)
      throw wrongInput('a vector of the collection was dropped while it was searched; search another')
    throw error
  }
  return collectionOf(region, name) === collection ? { value } : undefined
}
