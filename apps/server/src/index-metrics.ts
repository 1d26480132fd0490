import { spacesOf } from '@meridian/core'
import { Counter, Gauge, type Registry } from 'prom-client'
import { pendingBytes, type Region } from './region.js'

const BREAKER = { closed: 0, 'half-open': 1, open: 2 } as const

/** Size and health of graphs, and what is done about worn ones. */
export class IndexMetrics {
  readonly #bytes: Gauge
  readonly #dead: Gauge
  readonly #recall: Gauge
  readonly #progress: Gauge
  readonly #breaker: Gauge
  readonly #pending: Gauge
  readonly #pendingMax: Gauge
  readonly #memory: Gauge
  readonly #memoryMax: Gauge
  readonly #refused: Counter
  readonly #slowed: Counter
  readonly #trips: Counter
  readonly #rebuilds: Counter

  constructor(registry: Registry) {
    const gauge = (name: string, help: string, labelNames: string[]): Gauge =>
      new Gauge({ name, help, labelNames, registers: [registry] })
    const counter = (name: string, help: string): Counter => new Counter({ name, help, registers: [registry] })
    this.#bytes = gauge('index_bytes', 'Memory of vectors and graphs, about', ['collection'])
    this.#dead = gauge('index_dead', 'Graph slots of deleted and superseded vectors', ['collection'])
    this.#recall = gauge('index_self_recall', 'Share of a sample of its vectors that a search of the graph finds', [
      'collection',
      'vector',
    ])
    this.#progress = gauge('index_rebuild_progress', 'Share done of the graph that is being rebuilt', [
      'collection',
      'vector',
    ])
    this.#breaker = gauge('index_rebuild_breaker', '0 closed: rebuilds go on; 1 half-open: slowly; 2 open: not', [])
    this.#pending = gauge('index_pending_bytes', 'Bytes of vectors that are not in a graph yet', ['collection'])
    this.#pendingMax = gauge('index_pending_bytes_max', 'At which writes of a collection wait and are refused', [])
    this.#memory = gauge('memory_used_bytes', 'Memory that the process cannot give back', [])
    this.#memoryMax = gauge('memory_max_bytes', 'At which writes are refused', [])
    this.#refused = new Counter({
      name: 'writes_refused_total',
      help: 'Writes refused because vectors wait to be indexed (pending), or for want of memory (memory)',
      labelNames: ['reason'],
      registers: [registry],
    })
    this.#slowed = counter(
      'writes_slowed_total',
      'Writes that waited for their turn because vectors wait to be indexed',
    )
    this.#trips = counter('index_rebuild_trips_total', 'Interruptions of rebuilds for the sake of searches')
    this.#rebuilds = counter('index_rebuilds_total', 'Graphs that were rebuilt')
  }

  /** As of now. */
  show(region: Region): void {
    for (const gauge of [this.#bytes, this.#dead, this.#recall, this.#progress, this.#pending]) gauge.reset()
    for (const collection of region.replica.collections()) {
      let bytes = 0
      let dead = 0
      for (const [vector] of spacesOf(collection.config)) {
        const stats = region.index.stats(collection.space(vector))
        if (stats === undefined) continue
        bytes += stats.bytes
        dead += stats.dead
        const { selfRecall, progress } = stats.graph ?? {}
        const labels = { collection: collection.name, vector }
        if (selfRecall !== undefined) this.#recall.set(labels, selfRecall)
        if (progress !== undefined) this.#progress.set(labels, progress)
      }
      this.#bytes.set({ collection: collection.name }, bytes)
      this.#dead.set({ collection: collection.name }, dead)
      this.#pending.set({ collection: collection.name }, pendingBytes(region.index, collection))
    }
    const { config, intake } = region
    this.#pendingMax.set(config.indexPendingBytesMax)
    this.#memory.set(intake.memoryUsedBytes)
    this.#memoryMax.set(config.memoryMaxBytes)
    this.#refused.reset()
    for (const [reason, count] of Object.entries(intake.refused)) this.#refused.inc({ reason }, count)
    this.#slowed.reset()
    this.#slowed.inc(intake.slowed)
    const rebuilds = region.index.rebuilds?.()
    this.#breaker.set(BREAKER[rebuilds?.breaker ?? 'closed'])
    this.#trips.reset()
    this.#trips.inc(rebuilds?.trips ?? 0)
    this.#rebuilds.reset()
    this.#rebuilds.inc(rebuilds?.completed ?? 0)
  }
}
