import type { IncomingHttpHeaders } from 'node:http'
import { type ErrorCode, StoreError, VersionVector } from '@meridian/core'
import { type Acknowledgement, type Level, promised } from '@meridian/replica'
import type { Json, JsonMap } from '../http/json-parse.js'
import type { Call, Route } from '../http/router.js'
import { nameOf, type Region } from '../region.js'
import { CONCERN_KEY, parseConcern } from '../schema/params.js'
import { isMap } from '../schema/read.js'
import { type Demand, readDemand } from './demand.js'
import { kindOf } from './kind.js'
import { checkLinearizableWrite, linearizableIds } from './linearizable.js'
import { tracked } from './written.js'

/** Headers of the answer, whatever becomes of it. */
export type Told = Record<string, string>

/** Around every route that reads or writes what is replicated: waits before a read, and after a write. */
export class Guarantees {
  #indexed: { readonly vector: VersionVector; readonly text: string } | undefined

  constructor(readonly region: Region) {}

  /** @throws StoreError `BAD_REQUEST` for what cannot be promised, `TIMEOUT` when a barrier is late, and what `handle` throws. */
  async serve(route: Route, call: Call, headers: IncomingHttpHeaders, told: Told): Promise<unknown> {
    const kind = kindOf(route)
    if (kind === 'other') return route.handle(call)
    const { replica } = this.region
    const demand = readDemand(headers, call.query)
    // A session whose calls overlap has several.
    const tokens = demand.token?.split(/\s*,\s*/) ?? []
    const session = tokens.reduce((all, token) => all.join(replica.parseToken(token)), VersionVector.ZERO)
    try {
      return await (kind === 'read'
        ? this.#read(route, call, demand, session, told)
        : this.#write(route, call, demand, session, told))
    } finally {
      // Covers what was read or written, and what the session knew before: the newest token is all that a session keeps.
      told['meridian-token'] = replica.token(replica.vectors.merged.join(session))
    }
  }

  async #read(route: Route, call: Call, demand: Demand, session: VersionVector, told: Told): Promise<unknown> {
    const { replica, config } = this.region
    const { consistency, timeoutMs } = demand
    const isLinearizable = consistency === 'linearizable'
    const ids = isLinearizable ? linearizableIds(route, call, config.limitMax) : []
    const until = performance.now() + timeoutMs
    const reached = isOfNow(demand)
      ? []
      : await this.#barrier(call, { ...demand, consistency: isLinearizable ? 'local' : consistency }, session)
    const look = (more: readonly string[] = []): unknown => {
      const level = [...reached, ...more].join('+') || 'local'
      told['meridian-served-by'] = `region=${config.region}; level=${level}; vector=${this.#indexedText()}`
      return route.handle(call)
    }
    if (!isLinearizable) return look()
    const leftMs = Math.max(0, until - performance.now())
    const { collection } = call.params
    try {
      return await unlessGone(
        call,
        promised<unknown>((done) => replica.register.read(collection!, ids, leftMs, () => look([consistency]), done)),
      )
    } catch (error) {
      if (error instanceof StoreError && UNREACHED.includes(error.code) && demand.mayBeStale) return look()
      throw error
    }
  }

  /** The vector that searches here cover, as `origin:seq`, joined by commas. */
  #indexedText(): string {
    const { indexed } = this.region.replica.vectors
    if (this.#indexed?.vector !== indexed) {
      const text = indexed.entries().map(([origin, seq]) => `${origin}:${seq}`)
      this.#indexed = { vector: indexed, text: text.join(',') }
    }
    return this.#indexed.text
  }

  /** Waits for all that was asked for. @returns the levels that were reached */
  async #barrier(
    call: Call,
    demand: Demand & { readonly consistency: Level },
    session: VersionVector,
  ): Promise<readonly string[]> {
    const { consistency, stalenessMaxMs, timeoutMs } = demand
    const { barriers } = this.region.replica
    const reached: string[] = []
    const until = performance.now() + timeoutMs
    const left = (): number => Math.max(0, until - performance.now())
    const needed = barriers.needed(consistency)
    try {
      if (demand.token !== undefined) {
        await unlessGone(
          call,
          promised((done) => barriers.covered(session, left(), done)),
        )
        reached.push('session')
      }
      if (stalenessMaxMs !== undefined) {
        await unlessGone(
          call,
          promised((done) => barriers.fresherThan(stalenessMaxMs, left(), done)),
        )
        reached.push(`max-staleness-ms ${stalenessMaxMs}`)
      }
      if (needed > 1 || consistency === 'quorum' || consistency === 'all') {
        await unlessGone(
          call,
          promised((done) => barriers.frontier(consistency, left(), done)),
        )
        reached.push(String(consistency))
      }
    } catch (error) {
      if (!(error instanceof StoreError && error.code === 'TIMEOUT' && demand.mayBeStale)) throw error
    }
    return reached
  }

  async #write(route: Route, call: Call, demand: Demand, session: VersionVector, told: Told): Promise<unknown> {
    const { replica } = this.region
    const { barriers, identity } = replica
    const level = demand.concern ?? this.#defaultConcern(call.params.collection)
    // Before anything is written: what cannot be reached at all is refused, not tried.
    if (level === 'linearizable') {
      checkLinearizableWrite(route)
      // What the session wrote at a lower level must lose against this.
      if (demand.token !== undefined)
        await unlessGone(
          call,
          promised((done) => barriers.covered(session, demand.timeoutMs, done)),
        )
      const { result, written } = await unlessGone(
        call,
        tracked(() => route.handle(call), demand.timeoutMs),
      )
      // An empty write is as it should be everywhere.
      return written.found === undefined ? result : this.#told(result, written.found, told)
    }
    const needed = barriers.needed(level)
    await this.#beforeWrite(route, call, demand, session)
    if (needed === 1) return route.handle(call)
    const { result, written } = await tracked(() => route.handle(call))
    const dot = { replica: identity.replica, seq: written.seq || replica.vectors.acked.get(identity.replica) }
    const found = await unlessGone(
      call,
      promised<Acknowledgement>((done) => barriers.acknowledged(dot, level, demand.timeoutMs, done)),
    )
    return this.#told(result, found, told)
  }

  #told(result: unknown, found: Acknowledgement, told: Told): unknown {
    told['meridian-write-status'] = found.isMet ? 'completed' : 'wait_timeout'
    told['meridian-durable-in'] = found.durableIn.join(',')
    return found.isMet ? result : late(result, found)
  }

  /** As the collection's metadata says. */
  #defaultConcern(name: string | undefined): Level {
    const { replica } = this.region
    const known = name === undefined ? undefined : nameOf(this.region, name)
    if (known === undefined) return 'local'
    const found = replica
      .collection(known)
      .settings.find(({ path }) => path.length === 2 && path[0] === 'metadata' && path[1] === CONCERN_KEY)
    return found === undefined || found.value === null ? 'local' : parseConcern(String(found.value), CONCERN_KEY)
  }

  /**
   * A write that looks at what is there must see what its session has seen. One that says all itself waits too, lest it go into a
   * collection that its session has dropped and made anew; but not long, and not for a region that cannot be reached.
   */
  async #beforeWrite(route: Route, call: Call, { token, timeoutMs }: Demand, session: VersionVector): Promise<void> {
    if (token === undefined) return
    const name = call.params.collection
    const isUnknown = name !== undefined && nameOf(this.region, name) === undefined
    const isPatient = isUnknown || !isBlind(route, call.body)
    if (!isPatient && !this.#isUnderWay(session)) return
    const waitMs = isPatient ? timeoutMs : Math.min(timeoutMs, BLIND_WAIT_MS)
    try {
      await unlessGone(
        call,
        promised((done) => this.region.replica.barriers.covered(session, waitMs, done)),
      )
    } catch (error) {
      if (isPatient || call.signal.aborted || !(error instanceof StoreError && error.code === 'TIMEOUT')) throw error
    }
  }

  /** Something is lacking, and all that is comes from regions that are linked now. */
  #isUnderWay(session: VersionVector): boolean {
    const { replica } = this.region
    const { indexed } = replica.vectors
    const lacking = session.entries().filter(([origin, seq]) => indexed.get(origin) < seq)
    if (lacking.length === 0) return false
    const linked = new Set(replica.status().peers.flatMap((peer) => (peer.state === 'linked' ? [peer.replica] : [])))
    return lacking.every(([origin]) => linked.has(origin))
  }
}

/** Whether a read asks for what is here now and no more, as most do. */
const isOfNow = ({ consistency, token, stalenessMaxMs }: Demand): boolean =>
  consistency === 'local' && token === undefined && stalenessMaxMs === undefined

/** How long a write that says all itself waits for what its session has seen. */
const BLIND_WAIT_MS = 1000

/** The answer could not be made as new as was asked for. */
const UNREACHED: readonly ErrorCode[] = ['NO_QUORUM', 'CLOCK_SKEW', 'TIMEOUT']

/**
 * Whether what is written says all: points put whole, or deleted by their ids. Every other write looks at what is there, if only
 * for whether it is there: by filter, below a key, of single vectors or keys, of collections, aliases and indexes.
 */
const isBlind = ({ method, path }: Route, body: Json | undefined): boolean => {
  if (!isMap(body ?? null)) return false
  const map = body as JsonMap
  if (method === 'PUT' && path === POINTS) return isWhole(map)
  if (path === `${POINTS}/delete`) return isByIds(map)
  const { operations } = map
  return path === `${POINTS}/batch` && Array.isArray(operations) && operations.every(isBlindOperation)
}

const POINTS = '/collections/:collection/points'

const isWhole = (upsert: JsonMap): boolean => upsert.update_mode === undefined && upsert.update_filter === undefined
const isByIds = (selector: JsonMap): boolean => selector.filter === undefined

const isBlindOperation = (operation: Json): boolean =>
  isMap(operation) &&
  Object.entries(operation).every(
    ([kind, value]) => isMap(value) && ((kind === 'upsert' && isWhole(value)) || (kind === 'delete' && isByIds(value))),
  )

/** The result of a write that has not got everywhere in time: it is durable here and goes on its way. */
const late = (result: unknown, { needed, durableIn, missingIn }: Acknowledgement): unknown => {
  if (Array.isArray(result)) return result.map((each) => late(each, { isMet: false, needed, durableIn, missingIn }))
  if (typeof result !== 'object' || result === null) return result
  return { ...result, status: 'wait_timeout', receipt: { needed, durable_in: durableIn, missing_in: missingIn } }
}

/** Nobody waits for the answer any more: the request need not hold its place. */
const unlessGone = <T>({ signal }: Call, waited: Promise<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    const gone = (): void => reject(new StoreError('TIMEOUT', 'the client is gone'))
    if (signal.aborted) gone()
    signal.addEventListener('abort', gone, { once: true })
    waited.then(resolve, reject).finally(() => signal.removeEventListener('abort', gone))
  })
