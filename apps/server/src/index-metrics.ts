import { spacesOf } from '@meridian/core'
import { Counter, Gauge, type Registry } from 'prom-client'
import type { Region } from './region.js'

const BREAKER = { closed: 0, 'half-open': 1, open: 2 } as const

/** Size and health of graphs, and what is done about worn ones. */
export class IndexMetrics {
  readonly #bytes: Gauge
  readonly #dead: Gauge
  readonly #recall: Gauge
  readonly #progress: Gauge
  readonly #breaker: Gauge
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
    this.#trips = counter('index_rebuild_trips_total', 'Interruptions of rebuilds for the sake of searches')
    this.#rebuilds = counter('index_rebuilds_total', 'Graphs that were rebuilt')
  }

  /** As of now. */
  show(region: Region): void {
    for (const gauge of [this.#bytes, this.#dead, this.#recall, this.#progress]) gauge.reset()
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
    }
    const rebuilds = region.index.rebuilds?.()
    this.#breaker.set(BREAKER[rebuilds?.breaker ?? 'closed'])
    this.#trips.reset()
    this.#trips.inc(rebuilds?.trips ?? 0)
    this.#rebuilds.reset()
    this.#rebuilds.inc(rebuilds?.completed ?? 0)
  }
}
