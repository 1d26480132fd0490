import { randomInt } from 'node:crypto'
import { StoreError } from '@meridian/core'
import { mayRead } from '../http/access.js'
import { forbidden } from '../http/auth.js'
import { wrongInput } from '../http/errors.js'
import type { Call } from '../http/router.js'
import type { Scope } from '../query/execute.js'
import { PlanTrace } from '../query/plan-trace.js'
import { collectionOf, nameOf, type Region } from '../region.js'
import { checkRead, readTimeout } from '../schema/params.js'
import type { QueryContext } from '../schema/query-vector.js'

/** What a search route works with. */
export interface Search {
  readonly context: QueryContext
  readonly scope: Scope
}

/** Bounded by the request's `timeout` and by the client's patience. */
export const timed = async <T>(region: Region, call: Call, run: (search: Search) => Promise<T>): Promise<T> => {
  checkRead(call.query)
  const name = call.params.collection!
  const collection = collectionOf(region, name)
  const { config: collectionConfig } = collection
  const timeoutMs = readTimeout(call.query)
  const limit = timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs)
  const started = performance.now()
  const signal = limit === undefined ? call.signal : AbortSignal.any([call.signal, limit])
  const trace = new PlanTrace()
  const context = {
    collection,
    limitMax: region.config.limitMax,
    lookup: (other: string) => {
      if (!mayRead(call.grant, other, (name) => nameOf(region, name))) throw forbidden(call.grant, 'read')
      return collectionOf(region, other)
    },
  }
  try {
    const found = await run({
      context,
      scope: { collection, index: region.index, draw: randomInt, signal, tell: trace.tell },
    })
    collectionOf(region, name)
    if (trace.header !== undefined) call.told['meridian-plan'] = trace.header
    return found
  } catch (error) {
    if (limit?.aborted)
      throw new StoreError(
        'TIMEOUT',
        `the search took longer than ${timeoutMs! / 1000} s; raise timeout or narrow the search`,
      )
    // Dropped meanwhile: whatever the index then says, this is what happened.
    const now = collectionOf(region, name)
    if (error instanceof StoreError && error.code === 'NOT_READY' && now.config !== collectionConfig)
      throw wrongInput('a vector of the collection was dropped while it was searched; search another')
    throw error
  } finally {
    region.metrics.searchSeconds.observe((performance.now() - started) / 1000)
  }
}
