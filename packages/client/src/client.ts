import type { QdrantClient } from '@qdrant/js-client-rest'
import { ClientError } from './client-error.js'
import type { ClusterInfo, DigestInfo, ErasureInfo, RegionChange, RegionsInfo, RetireRegion } from './cluster.js'
import { type Call, Endpoint } from './endpoint.js'
import { openQdrant } from './qdrant.js'
import { Regions } from './regions.js'
import { Session } from './session.js'
import { NO_RETRY, type Pause, RETRY_DEFAULT, type RetryPolicy, withRetry } from './retry.js'
import type {
  CallOptions,
  CollectionInfo,
  CreateCollection,
  Filter,
  JsonObject,
  PointId,
  PointInput,
  PointRecord,
  QueryRequest,
  ReadOptions,
  ScoredPoint,
  ScrollPage,
  ScrollRequest,
  Selector,
  UpdateResult,
  VectorInput,
  WriteOptions,
} from './types.js'

export interface ClientOptions {
  /** Base URL of a region, `http://host:port`, or of several: then calls go to the nearest that is ready, and fail over. */
  readonly url: string | readonly string[]
  readonly apiKey?: string | undefined
  /** Bound on one try of one call. Default 30,000 ms. */
  readonly timeoutMs?: number
  readonly retry?: Partial<RetryPolicy> | false
  /** With several regions: how old their latencies may grow before they are probed again. Default 15,000 ms. */
  readonly reprobeMs?: number
  /** Bound on one probe. Default 2,000 ms. */
  readonly probeTimeoutMs?: number
  /** Told before each pause between tries. */
  readonly onRetry?: (error: ClientError, attempt: number, delayMs: number) => void
  /** Every call sees what the calls before it saw and wrote, in whatever region they were. Default false. */
  readonly session?: boolean
  /** For tests. */
  readonly fetch?: typeof fetch
  readonly pause?: Pause
}

/**
 * Typed client of one region or several; safe to share. Every call rejects with `ClientError`, and is tried again after a
 * lost connection, 503 or 429 as its `RetryPolicy` says. With several regions the next try after a lost connection, 503 or
 * time-out goes to another region, at once if one is healthy.
 */
export class MeridianClient {
  readonly #regions: Regions
  readonly #policy: RetryPolicy
  readonly #options: ClientOptions
  readonly #session: Session | undefined

  constructor(options: ClientOptions) {
    this.#options = options
    this.#session = options.session ? new Session() : undefined
    const urls = typeof options.url === 'string' ? [options.url] : options.url
    const [first, ...others] = urls.map(
      (url) =>
        new Endpoint({
          url,
          apiKey: options.apiKey,
          timeoutMs: this.#timeoutMs,
          ...(options.fetch === undefined ? {} : { fetch: options.fetch }),
        }),
    )
    if (first === undefined) throw new TypeError('url: at least one is needed')
    this.#regions = new Regions([first, ...others], {
      probeTimeoutMs: options.probeTimeoutMs ?? 2_000,
      reprobeMs: options.reprobeMs ?? 15_000,
      nowMs: () => performance.now(),
    })
    this.#policy = options.retry === false ? NO_RETRY : { ...RETRY_DEFAULT, ...options.retry }
  }

  /** Of the region that the next call goes to, as far as is known now. */
  get url(): string {
    return this.#regions.current.url
  }

  get #timeoutMs(): number {
    return this.#options.timeoutMs ?? 30_000
  }

  /**
   * The official client, for everything that has no method here, of the region that is nearest now. It knows that one region
   * only and repeats nothing: ask again after an error. Needs the optional peer dependency `@qdrant/js-client-rest`.
   */
  async qdrant(): Promise<QdrantClient> {
    const { url } = await this.#regions.pick()
    return openQdrant(url, this.#options.apiKey, this.#timeoutMs)
  }

  /** Any call by method and path, for routes that have no method here. Returns the envelope's `result`. */
  call<T>(call: Call, options: CallOptions = {}): Promise<T> {
    const isOnce =
      (options as WriteOptions).concern === 'linearizable' ? options.retry !== true : options.retry === false
    const policy = isOnce ? NO_RETRY : this.#policy
    const tokens = this.#session?.tokens ?? []
    const timed: Call = {
      ...call,
      signal: options.signal,
      timeoutMs: options.timeoutMs,
      headers: { ...levelHeaders(options), ...(tokens.length === 0 ? {} : { 'meridian-token': tokens.join(',') }) },
      answered: (headers) => this.#session?.answered(tokens, headers.get('meridian-token')),
    }
    const attempt = async (): Promise<T> => {
      const region = await this.#regions.pick()
      try {
        return await region.result<T>(timed)
      } catch (error) {
        if (movesOn(error)) this.#regions.failed(region)
        throw error
      }
    }
    return withRetry(attempt, {
      policy,
      isRetried: (error) => error.isTransient || (this.#regions.count > 1 && movesOn(error)),
      isAtOnce: (error) => movesOn(error) && this.#regions.hasHealthy,
      signal: options.signal,
      ...(this.#options.pause === undefined ? {} : { pause: this.#options.pause }),
      ...(this.#options.onRetry === undefined ? {} : { onRetry: this.#options.onRetry }),
    })
  }

  // ---- collections

  async listCollections(options?: CallOptions): Promise<string[]> {
    const result = await this.call<{ collections: { name: string }[] }>(
      { method: 'GET', path: '/collections' },
      options,
    )
    return result.collections.map((collection) => collection.name)
  }

  /** @throws ClientError 409 when it exists. */
  createCollection(name: string, config: CreateCollection, options?: CallOptions): Promise<boolean> {
    return this.call({ method: 'PUT', path: collectionPath(name), body: config }, options)
  }

  getCollection(name: string, options?: CallOptions): Promise<CollectionInfo> {
    return this.call({ method: 'GET', path: collectionPath(name) }, options)
  }

  /** `false` when there was none. */
  deleteCollection(name: string, options?: CallOptions): Promise<boolean> {
    return this.call({ method: 'DELETE', path: collectionPath(name) }, options)
  }

  async collectionExists(name: string, options?: CallOptions): Promise<boolean> {
    const result = await this.call<{ exists: boolean }>(
      { method: 'GET', path: `${collectionPath(name)}/exists` },
      options,
    )
    return result.exists
  }

  // ---- writes

  upsert(collection: string, points: readonly PointInput[], options?: WriteOptions): Promise<UpdateResult> {
    const body = { points: points.map((point) => ({ ...point, vector: plainVectors(point.vector) })) }
    return this.call({ method: 'PUT', path: `${pointsPath(collection)}${waiting(options)}`, body }, options)
  }

  delete(collection: string, selector: Selector, options?: WriteOptions): Promise<UpdateResult> {
    return this.call(
      { method: 'POST', path: `${pointsPath(collection)}/delete${waiting(options)}`, body: selector },
      options,
    )
  }

  /** Merges `payload` into what the points have; other keys stay. @throws ClientError 404 for a missing point. */
  setPayload(
    collection: string,
    payload: JsonObject,
    selector: Selector,
    options?: WriteOptions,
  ): Promise<UpdateResult> {
    const body = { payload, ...selector }
    return this.call({ method: 'POST', path: `${pointsPath(collection)}/payload${waiting(options)}`, body }, options)
  }

  // ---- reads

  /** Points that do not exist are left out. */
  retrieve(
    collection: string,
    ids: readonly PointId[],
    read: ReadOptions = {},
    options?: CallOptions,
  ): Promise<PointRecord[]> {
    return this.call({ method: 'POST', path: pointsPath(collection), body: { ids, ...read } }, options)
  }

  /** One page by ascending id. */
  scroll(collection: string, request: ScrollRequest = {}, options?: CallOptions): Promise<ScrollPage> {
    return this.call({ method: 'POST', path: `${pointsPath(collection)}/scroll`, body: request }, options)
  }

  async count(collection: string, filter?: Filter, options?: CallOptions): Promise<number> {
    const body = { exact: true, ...(filter === undefined ? {} : { filter }) }
    const result = await this.call<{ count: number }>(
      { method: 'POST', path: `${pointsPath(collection)}/count`, body },
      options,
    )
    return result.count
  }

  async query(collection: string, request: QueryRequest, options?: CallOptions): Promise<ScoredPoint[]> {
    const body = { ...request, query: plainQuery(request.query) }
    const result = await this.call<{ points: ScoredPoint[] }>(
      { method: 'POST', path: `${pointsPath(collection)}/query`, body },
      options,
    )
    return result.points
  }

  // ---- the region itself

  cluster(options?: CallOptions): Promise<ClusterInfo> {
    return this.call({ method: 'GET', path: '/meridian/cluster' }, options)
  }

  digest(collection: string, options?: CallOptions): Promise<DigestInfo> {
    return this.call({ method: 'GET', path: `/meridian/collections/${encodeURIComponent(collection)}/digest` }, options)
  }

  /** Where a point that was deleted still is. `waitMs`: for how long the regions are waited for, 10 s by default. */
  erasure(collection: string, id: PointId, waitMs?: number, options?: CallOptions): Promise<ErasureInfo> {
    const point = `${encodeURIComponent(collection)}/points/${encodeURIComponent(String(id))}`
    const query = waitMs === undefined ? '' : `?timeout=${Math.max(1, Math.ceil(waitMs / 1000))}`
    return this.call({ method: 'GET', path: `/meridian/collections/${point}/erasure${query}` }, options)
  }

  regionList(options?: CallOptions): Promise<RegionsInfo> {
    return this.call({ method: 'GET', path: '/meridian/regions' }, options)
  }

  /** Asks that a region which has joined counts. Asking again is harmless. */
  addRegion(region: string, replica?: number, options?: CallOptions): Promise<RegionChange> {
    const body = { region, ...(replica === undefined ? {} : { replica }) }
    return this.call({ method: 'POST', path: '/meridian/regions', body }, options)
  }

  /** Asks that a region counts no more, for good. `force`: it will never act again. */
  retireRegion(region: string, how: RetireRegion = {}, options?: CallOptions): Promise<RegionChange> {
    const query = new URLSearchParams({ force: String(how.force ?? false) })
    if (how.replica !== undefined) query.set('replica', String(how.replica))
    if (how.lost !== undefined && how.lost.length > 0) query.set('lost', how.lost.join())
    return this.call({ method: 'DELETE', path: `/meridian/regions/${encodeURIComponent(region)}?${query}` }, options)
  }

  /** Cuts or restores the link to a peer on purpose, until the region restarts. */
  setLink(region: string, enabled: boolean, options?: CallOptions): Promise<unknown> {
    return this.call(
      { method: 'PUT', path: `/meridian/links/${encodeURIComponent(region)}`, body: { enabled } },
      options,
    )
  }

  /** One probe, never repeated: whether the region takes traffic now, and if not, its reason. Does not reject. */
  async ready(options: CallOptions = {}): Promise<{ readonly isReady: boolean; readonly reason: string }> {
    try {
      const call: Call = { method: 'GET', path: '/readyz', signal: options.signal, timeoutMs: options.timeoutMs }
      const { status, text } = await (await this.#regions.pick()).text(call)
      return { isReady: status === 200, reason: text.trim() }
    } catch (error) {
      if (error instanceof ClientError) return { isReady: false, reason: error.message }
      throw error
    }
  }
}

/** Failures of a region rather than of the call: 429 is not one, the limit would only move along. */
const movesOn = (error: unknown): boolean =>
  error instanceof ClientError && (error.status === 503 || error.code === 'CONNECTION_LOST' || error.code === 'TIMEOUT')

const levelHeaders = (options: CallOptions & Pick<WriteOptions, 'concern'>): Record<string, string> => {
  const headers: Record<string, string> = {}
  if (options.concern !== undefined) headers['meridian-write-concern'] = String(options.concern)
  if (options.consistency !== undefined) headers['meridian-consistency'] = options.consistency
  if (options.stalenessMaxMs !== undefined) headers['meridian-max-staleness-ms'] = String(options.stalenessMaxMs)
  if (options.allowStale === true) headers['meridian-allow-stale'] = 'true'
  return headers
}

const collectionPath = (name: string): string => `/collections/${encodeURIComponent(name)}`
const pointsPath = (name: string): string => `${collectionPath(name)}/points`
const waiting = (options: WriteOptions | undefined): string => `?wait=${options?.wait ?? true}`

const plain = (vector: VectorInput): readonly number[] => (vector instanceof Float32Array ? Array.from(vector) : vector)

const plainVectors = (vector: PointInput['vector']): unknown =>
  isVector(vector)
    ? plain(vector)
    : Object.fromEntries(Object.entries(vector).map(([name, value]) => [name, plain(value)]))

const isVector = (value: unknown): value is VectorInput => Array.isArray(value) || value instanceof Float32Array

const plainQuery = (query: QueryRequest['query']): unknown => {
  if (isVector(query)) return plain(query)
  if (typeof query === 'object')
    return { ...query, nearest: isVector(query.nearest) ? plain(query.nearest) : query.nearest }
  return query
}
