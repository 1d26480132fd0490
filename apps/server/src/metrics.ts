import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import { HealthMetrics } from './health/health-metrics.js'
import { IndexMetrics } from './index-metrics.js'
import { isWithoutRoom } from './query/payload-indexes.js'
import { indexedCounts, type Region } from './region.js'

const LATENCY_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/**
 * What monitoring reads. Names have no prefix of their own: a scrape's job label already says which service they are of, and
 * the process's own metrics (`process_*`, `nodejs_*`) have theirs.
 */
export class Metrics {
  readonly #registry = new Registry()
  readonly insertSeconds = this.#histogram(
    'insert_latency_seconds',
    'Time of a write request, body read to durable and searchable',
  )
  readonly searchSeconds = this.#histogram(
    'search_latency_seconds',
    'Time of a search request, body read to hits shown',
  )
  readonly refreshSeconds = this.#histogram('index_refresh_seconds', 'Time from durable here to searchable here')
  readonly replicationSeconds = new Histogram({
    name: 'replication_latency_seconds',
    help: 'Time from the stamp of a write in the peer to searchable here',
    labelNames: ['peer'],
    buckets: LATENCY_BUCKETS,
    registers: [this.#registry],
  })
  /** Answers by status: counted here, where it costs next to nothing, and shown by the counter. */
  readonly #responded = new Map<number, number>()
  readonly #responses = new Counter({
    name: 'http_responses_total',
    help: 'Answers by status',
    labelNames: ['status'],
    registers: [this.#registry],
  })
  readonly #health = new HealthMetrics(this.#registry)
  readonly #indexPending = this.#gauge('index_pending', 'Vectors that are not in the graph yet', ['collection'])
  readonly #index = new IndexMetrics(this.#registry)
  readonly #payloadIndexBytes = this.#gauge('payload_index_bytes', 'Memory of payload indexes, of all collections', [])
  readonly #payloadIndexScanned = this.#gauge(
    'payload_index_scanned',
    '1 where payload indexes are unused for want of memory',
    ['collection'],
  )
  readonly #records = this.#gauge('records', 'Live records', ['collection'])
  readonly #tombstones = this.#gauge('tombstones', 'Deleted records whose deletion is remembered', ['collection'])
  readonly #purged = this.#counter('tombstones_purged_total', 'Deletes that were forgotten for good in the own lanes')
  readonly #unequal = this.#counter(
    'digests_unequal_total',
    "Comparisons of a shard with a peer's that found another digest though both held the same",
  )
  readonly #recordsRepaired = this.#counter('records_repaired_total', 'Records of those that were appended again')
  readonly #givenUp = this.#counter(
    'given_up_refused_total',
    'Transactions of retired regions that were given up with them and came nevertheless',
  )
  readonly #damaged = this.#gauge('blocks_damaged', 'Stored blocks that are damaged and not repaired yet', [])
  readonly #damageFound = this.#counter('blocks_damaged_total', 'Stored blocks that were found to be damaged')
  readonly #damageRepaired = this.#counter('blocks_repaired_total', 'Damaged blocks that were fetched from a peer')
  readonly #logBytes = this.#gauge('log_bytes', 'Bytes of log entries kept', [])
  readonly #blockBytes = this.#gauge('block_bytes', 'Bytes of blocks', [])
  readonly #dropped = this.#counter('frames_dropped_total', 'Frames of peers dropped as duplicates or out of order')
  readonly #refused = this.#counter('frames_refused_total', 'Frames of peers refused by checksum or by a check')
  readonly #hungUp = new Counter({
    name: 'connections_refused_total',
    help: 'Peers and clients of rooms that were turned away or hung up on',
    labelNames: ['door', 'reason'],
    registers: [this.#registry],
  })

  constructor() {
    collectDefaultMetrics({ register: this.#registry })
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  responded(status: number): void {
    this.#responded.set(status, (this.#responded.get(status) ?? 0) + 1)
  }

  /** The exposition text, with the gauges as of now. */
  text(region: Region): Promise<string> {
    const status = region.replica.status()
    this.#health.show(status, region.health)
    this.#index.show(region)
    const agreements = region.replica.collections().flatMap(({ name }) => region.replica.agreements(name))
    this.#health.agreements(agreements.flatMap(({ peers }) => peers))
    for (const gauge of [this.#records, this.#tombstones, this.#indexPending, this.#payloadIndexScanned]) gauge.reset()
    this.#payloadIndexBytes.set(region.payloadBudget.bytes)
    for (const collection of region.replica.collections()) {
      this.#records.set({ collection: collection.name }, collection.liveCount)
      this.#tombstones.set({ collection: collection.name }, collection.tombstoneCount)
      const { indexed, live } = indexedCounts(region, collection)
      this.#indexPending.set({ collection: collection.name }, live - indexed)
      if (isWithoutRoom(collection)) this.#payloadIndexScanned.set({ collection: collection.name }, 1)
    }
    this.#responses.reset()
    for (const [code, count] of this.#responded) this.#responses.inc({ status: String(code) }, count)
    advance(this.#purged, status.counters.tombstonesPurged)
    advance(this.#unequal, status.counters.digestsUnequal)
    advance(this.#recordsRepaired, status.counters.recordsRepaired)
    advance(this.#givenUp, status.counters.givenUpRefused)
    this.#damaged.set(status.damage.blocks)
    advance(this.#damageFound, status.damage.found)
    advance(this.#damageRepaired, status.damage.repaired)
    this.#logBytes.set(status.storage.logBytes)
    this.#blockBytes.set(status.storage.blockBytes)
    advance(this.#dropped, status.counters.framesDropped)
    advance(this.#refused, status.counters.framesRefused)
    this.#hungUp.reset()
    for (const [door, { counts }] of Object.entries(region.refusals))
      for (const [reason, count] of Object.entries(counts)) this.#hungUp.inc({ door, reason }, count)
    return this.#registry.metrics()
  }

  #histogram(name: string, help: string): Histogram {
    return new Histogram({ name, help, buckets: LATENCY_BUCKETS, registers: [this.#registry] })
  }

  #gauge(name: string, help: string, labelNames: string[]): Gauge {
    return new Gauge({ name, help, labelNames, registers: [this.#registry] })
  }

  #counter(name: string, help: string): Counter {
    return new Counter({ name, help, registers: [this.#registry] })
  }
}

/** The engine counts; a counter of this registry only shows it. */
const advance = (counter: Counter, total: number): void => {
  counter.reset()
  counter.inc(total)
}
