import type {
  IndexHit,
  IndexQuery,
  Quantization,
  RebuildReason,
  SearchWork,
  SpaceStats,
  Trace,
  VectorParams,
} from '@meridian/core'
import { idHash } from './buried.js'
import { ENGINE } from './graph.js'
import { rowsBytes } from './graph-memory.js'
import type { Layer, VectorFiles } from './layer.js'
import { formOf } from './number-form.js'
import { PLANNER, type Planner } from './planner.js'
import { checkQuery } from './query.js'
import { Rows } from './rows.js'
import { Searcher } from './searcher.js'
import { Serving } from './serving.js'

/**
 * The searchable copy of one vector space, as plain synchronous logic. Invariants:
 *  1. Exactly the vectors set and not removed are found: each is in the graph under a living label, or scanned.
 *  2. Every hit's score comes from the row itself, so a scan and the graph agree to the last bit.
 *  3. While a graph is built beside the serving one, every change goes to both; the swap loses nothing.
 */
export class Space {
  readonly rows: Rows
  readonly #ids: string[] = []
  readonly #versions: string[] = []
  /** Rows of a snapshot, or of an earlier opening, that no record has claimed yet: id to row. In a layer, never found. */
  readonly #unclaimed = new Map<string, number>()
  readonly #searcher: Searcher
  readonly #serving: Serving

  /** `planner` decides between scan and walk where both can answer. */
  constructor(
    params: VectorParams,
    planner: Planner = PLANNER,
    /** Where whole vectors go when the graph holds codes; without it they stay in memory. */
    files?: VectorFiles,
  ) {
    this.rows = new Rows(params.size, params.metric, ENGINE.scoreVectors, ENGINE.sketcher, formOf(params))
    this.#searcher = new Searcher(this.rows, planner)
    this.#serving = new Serving(params, this.rows, files)
  }

  get params(): VectorParams {
    return this.#serving.params
  }

  /** Whole vectors in the graph, or codes, or others: what there is serves until a graph like that has been built beside it. */
  quantize(quantization: Quantization | undefined): void {
    this.#serving.quantize(quantization)
  }

  get current(): Layer | undefined {
    return this.#serving.current
  }

  /** Starts from a snapshot: `layer` over rows that `park` laid. */
  adopt(layer: Layer): void {
    this.#serving.adopt(layer)
  }

  /** Lays a row for a record that may claim it; without a vector where the graph that is adopted has it. */
  park(id: string, version: string, vector: Float32Array | undefined): number {
    const row = vector === undefined ? this.rows.takeKept() : this.rows.take(vector)
    this.#ids[row] = id
    this.#versions[row] = version
    this.#unclaimed.set(id, row)
    return row
  }

  /** Takes every row from its record, to be claimed again: the start of an opening. A rebuild that was under way is over. */
  release(): void {
    this.#serving.giveUpRebuild()
    for (const row of [...this.rows.taken()]) {
      this.rows.unassign(row)
      const twin = this.#unclaimed.get(this.#ids[row]!)
      if (twin !== undefined) this.#discard(twin)
      this.#unclaimed.set(this.#ids[row]!, row)
    }
  }

  /** Whether there is a row of that id and version; it is the record's from now on. */
  claim(ordinal: number, id: string, version: string): boolean {
    const row = this.#unclaimed.get(id)
    if (row === undefined || this.#versions[row] !== version) return false
    this.remove(ordinal)
    this.#unclaimed.delete(id)
    this.rows.assign(row, ordinal)
    return true
  }

  /** Ends an opening: what nobody claimed is gone. */
  settle(): void {
    for (const row of this.#unclaimed.values()) this.#discard(row)
    this.#unclaimed.clear()
  }

  /** Searchable at once. A vector that cannot be searched (length, NaN) hides the record's old one. */
  set(ordinal: number, id: string, version: string, vector: Float32Array): void {
    const old = this.rows.rowOf(ordinal)
    if (old !== undefined && this.#ids[old] === id && this.#versions[old] === version) return
    this.remove(ordinal)
    if (!this.rows.accepts(vector)) return
    const row = this.rows.take(vector)
    this.#ids[row] = id
    this.#versions[row] = version
    this.rows.assign(row, ordinal)
    this.#serving.enlist(row)
  }

  /** Never found again; a record that is not there is none of our business. */
  remove(ordinal: number): void {
    const row = this.rows.rowOf(ordinal)
    if (row !== undefined) this.#discard(row)
  }

  /** `tell` hears how it was done. @throws StoreError `WRONG_INPUT`. */
  search(query: IndexQuery, tell?: (work: SearchWork) => void): IndexHit[] {
    checkQuery(query, this.params)
    return this.#searcher.search(query, this.#serving.current, tell)
  }

  /** Whether every row has its record: no opening is under way. */
  get isSettled(): boolean {
    return this.#unclaimed.size === 0
  }

  /** Vectors that a search scans because no graph has them yet. */
  get tail(): number {
    return this.#serving.current?.missing.size ?? this.rows.live
  }

  /** Whether `step` has anything to do. An opening comes first: a layer never has to know of unclaimed rows it lacks. */
  get hasWork(): boolean {
    return this.params.metric !== 'Manhattan' && this.isSettled && this.#serving.hasWork
  }

  /**
   * Brings what is fresh into the graph, and into the one that is built beside it, until done or `more` says no; returns the
   * number of insertions.
   */
  step(more: () => boolean): number {
    return this.hasWork ? this.#serving.step(more) : 0
  }

  /** Why the graph should be built anew; `undefined` if it should not, or is. */
  get wanted(): RebuildReason | undefined {
    return this.isSettled ? this.#serving.wanted : undefined
  }

  /**
   * Starts a graph beside the one that serves, which it takes the place of when it has everything. `isSoon`: it will not take
   * long, so what is fresh may wait for it; else the graph that serves takes it too. May be called again to say otherwise.
   */
  rebuild(isSoon = true): void {
    if (this.isSettled) this.#serving.rebuild(isSoon)
  }

  get isRebuilding(): boolean {
    return this.#serving.isRebuilding
  }

  /** Brings the new graph nearer to the rows until it serves or `more` says no. */
  stepRebuild(more: () => boolean): void {
    if (this.isSettled) this.#serving.stepRebuild(more)
  }

  /** Whether there is a question about the graph's quality; it can wait. */
  get hasQuestion(): boolean {
    return this.isSettled && !this.hasWork && this.#serving.hasQuestion
  }

  /** Asks it. */
  ask(): void {
    if (this.hasQuestion) this.#serving.ask()
  }

  stats(): SpaceStats {
    const { current: layer, isRebuilding, bytes } = this.#serving
    const { live } = this.rows
    const graph = this.#serving.stats(this.wanted)
    return {
      live,
      pending: layer ? layer.missing.size : this.hasWork ? live : 0,
      dead: layer?.graph.dead ?? 0,
      state: isRebuilding ? 'rebuilding' : 'ready',
      bytes: rowsBytes(this.rows) + bytes,
      ...(graph && { graph }),
    }
  }

  /** Whether a vector of the id is in memory. */
  traces(id: string): Trace {
    if (this.#unclaimed.has(id)) return 'holds'
    for (const row of this.rows.taken()) if (this.#ids[row] === id) return 'holds'
    return this.#serving.traces(idHash(id))
  }

  /** Whether a layer writes to this file. */
  uses(path: string): boolean {
    return this.#serving.uses(path)
  }

  idOf(row: number): string {
    return this.#ids[row]!
  }

  versionOf(row: number): string {
    return this.#versions[row]!
  }

  /** Gives the memory of its graphs back now. It must not be used any more. */
  close(): void {
    this.#serving.close()
  }

  #discard(row: number): void {
    this.#serving.drop(row, idHash(this.#ids[row]!))
    this.#ids[row] = ''
    this.#versions[row] = ''
    this.rows.free(row)
  }
}
