import type { IndexHit, IndexQuery, SearchWork } from '@meridian/core'
import { NO_LABEL, NO_ROW } from './keeper.js'
import type { Layer } from './layer.js'
import { FILTERED_WIDTH, type Planner } from './planner.js'
import { denseVector, EF_DEFAULT } from './query.js'
import type { Rows } from './rows.js'
import { TopK } from './top-k.js'

/** Of what codes found, so many times the limit are compared in full, unless a search says otherwise; and so many at least. */
const OVERSAMPLING = 3
const RESCORED_MIN = 32
/** Wider walks for a search that would have nothing of codes. */
const IGNORING_WIDTH = 2

/**
 * Finds the nearest of the rows, by a scan or by a walk of a graph. Whichever it was, each score comes from the row itself, and what
 * the graph lacks is compared too.
 */
export class Searcher {
  constructor(
    readonly rows: Rows,
    /** Decides between scan and walk where both can answer. */
    readonly planner: Planner,
  ) {}

  /** `query` was checked; `layer` has the graph that serves, if there is one. `tell` hears how it was done. */
  search(query: IndexQuery, layer: Layer | undefined, tell?: (work: SearchWork) => void): IndexHit[] {
    const asked = denseVector(query)
    const vector = this.rows.prepare(asked)
    const { among } = query
    const live = this.rows.live
    const candidates = Math.min(live, among?.length ?? live)
    const limit = Math.min(query.limit, candidates)
    if (limit === 0) {
      tell?.({ plan: 'scan', candidates, ef: 0, scanned: 0 })
      return []
    }
    const wide = layer?.embedding.quantizer && query.quantization?.ignore === true ? IGNORING_WIDTH : 1
    const rescored = this.#rescored(query, limit)
    const ef = Math.max((query.ef ?? EF_DEFAULT * (among ? FILTERED_WIDTH : 1)) * wide, limit, rescored.asked)
    const best = new TopK(this.rows.metric, limit)
    const canAsk = query.exact !== true && layer !== undefined && layer.embedding.asks(asked)
    const isScanned =
      !canAsk || layer.graph.live === 0 || this.#isBetterScanned(layer, asked, layer.embedding.ef(ef), among)
    if (isScanned) {
      const scanned = this.#scan(canAsk ? layer : undefined, asked, vector, among, rescored.count, best)
      tell?.({ plan: 'scan', candidates, ef: 0, scanned })
    } else {
      const scanned = this.#walk(layer, asked, vector, ef, among, best, rescored.count)
      tell?.({ plan: among ? 'filtered-graph' : 'graph', candidates, ef: layer.embedding.ef(ef), scanned })
    }
    return best.take()
  }

  /** How many of what codes find are compared in full, and how many of them the search asked for itself. */
  #rescored({ quantization = {} }: IndexQuery, limit: number): { readonly count: number; readonly asked: number } {
    const { ignore = false, rescore = true, oversampling } = quantization
    if (ignore) return { count: Number.POSITIVE_INFINITY, asked: 0 }
    if (!rescore) return { count: limit, asked: 0 }
    if (oversampling === undefined) return { count: Math.max(limit * OVERSAMPLING, RESCORED_MIN), asked: 0 }
    const asked = Math.min(Math.ceil(limit * Math.max(1, oversampling)), this.rows.live)
    return { count: asked, asked }
  }

  /** Everything, or those `among` all; of the graph's `rescored` at most in full, the nearest by its codes, if it has any. */
  #scan(
    layer: Layer | undefined,
    asked: Float32Array,
    vector: Float32Array,
    among: Uint32Array | undefined,
    rescored: number,
    best: TopK,
  ): number {
    const { rows } = this
    const count = among?.length ?? rows.live
    if (layer?.keeper === undefined || layer.embedding.quantizer === undefined || rescored >= count)
      return among ? rows.offerAmong(vector, among, best) : rows.offerAll(vector, best)
    const codes = layer.embedding.query(asked)
    const nearest = new TopK('Euclid', rescored)
    const own = rows.offerCoarse(
      vector,
      among,
      (labels, scores) => layer.graph.score('Euclid', codes, labels, scores),
      nearest,
      best,
    )
    return (
      own +
      rows.offerRows(
        vector,
        nearest.take().map((hit) => hit.ordinal),
        best,
      )
    )
  }

  #isBetterScanned(layer: Layer, asked: Float32Array, ef: number, among: Uint32Array | undefined): boolean {
    const facts = { live: this.rows.live, allowed: among?.length, dims: this.rows.dims, ef }
    const width = this.planner.probeWidth(facts)
    if (width === 0 || among === undefined) return this.planner.plan(facts) === 'scan'
    const labels = layer.search(asked, width)
    let hits = 0
    for (let i = 0; i < labels.length; i++) {
      const row = layer.rowOf(labels[i]!)
      if (row !== NO_ROW && holds(among, this.rows.ordinalAt(row))) hits++
    }
    return this.planner.plan({ ...facts, near: { hits, of: Math.max(1, labels.length) } }) === 'scan'
  }

  /** The graph's candidates and everything it lacks, scored from their rows; returns how many those were. */
  #walk(
    layer: Layer,
    asked: Float32Array,
    vector: Float32Array,
    ef: number,
    among: Uint32Array | undefined,
    best: TopK,
    rescored: number,
  ): number {
    const found: number[] = []
    let allowed: Uint8Array | undefined
    if (among) {
      allowed = new Uint8Array(Math.ceil(layer.graph.slots / 8))
      let count = 0
      for (const ordinal of among) {
        const row = this.rows.rowOf(ordinal)
        if (row === undefined) continue
        const label = layer.labelOf(row)
        if (label === NO_LABEL) {
          found.push(row)
        } else {
          allowed[label >> 3]! |= 1 << (label & 7)
          count++
        }
      }
      if (count === 0) return this.rows.offerRows(vector, found, best)
    }
    // All `ef` candidates are asked for: they were looked at anyway, and exact scores decide among them, or the first of them.
    const labels = layer.search(asked, ef, allowed)
    const end = layer.embedding.quantizer ? Math.min(labels.length, rescored) : labels.length
    for (let i = 0; i < end; i++) {
      const row = layer.rowOf(labels[i]!)
      if (row !== NO_ROW) found.push(row)
    }
    const scanned = this.rows.offerRows(vector, found, best)
    if (among) return scanned
    // After the graph's: next to those few of what it lacks can be among the first, and the others need not be read.
    return scanned + this.rows.offerRows(vector, layer.missing, best) + this.rows.offerRows(vector, layer.loose, best)
  }
}

/** Whether an ascending list has the number. */
const holds = (ascending: Uint32Array, number: number): boolean => {
  let low = 0
  let high = ascending.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (ascending[middle]! < number) low = middle + 1
    else high = middle
  }
  return ascending[low] === number
}
