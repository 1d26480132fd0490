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
import { DEAD_SHARE_MAX, rebuildReason } from './graph-health.js'
import { graphBytes, rowsBytes } from './graph-memory.js'
import { Layer, type VectorFiles } from './layer.js'
import { PLANNER, type Planner } from './planner.js'
import { checkQuery } from './query.js'
import { quantileOf } from './quantizer.js'
import { Rebuild } from './rebuild.js'
import { Rows } from './rows.js'
import { Searcher } from './searcher.js'
import { SelfRecall } from './self-recall.js'

/** Fewer vectors than this are scanned: as fast, always right, and equal on every replica. */
export const GRAPH_LIVE_MIN = 1000
/** While a rebuild runs, the serving graph is brought up to date only where scanning what it lacks would take a search about 1 ms. */
const BACKLOG_NUMBERS_MAX = 1_000_000
const BACKLOG_MAX = 10_000

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
  readonly #backlogMax: number
  readonly #searcher: Searcher
  #params: VectorParams
  #current: Layer | undefined
  #rebuild: Rebuild | undefined
  #isSoon = true
  #selfRecall: SelfRecall | undefined

  /** `planner` decides between scan and walk where both can answer. */
  constructor(
    params: VectorParams,
    planner: Planner = PLANNER,
    /** Where whole vectors go when the graph holds codes; without it they stay in memory. */
    readonly files?: VectorFiles,
  ) {
    this.#params = params
    this.#backlogMax = Math.min(BACKLOG_MAX, Math.floor(BACKLOG_NUMBERS_MAX / params.size))
    this.rows = new Rows(params.size, params.metric, ENGINE.scoreVectors, ENGINE.sketcher)
    this.#searcher = new Searcher(this.rows, planner)
  }

  get params(): VectorParams {
    return this.#params
  }

  /** Whole vectors in the graph, or codes, or others: what there is serves until a graph like that has been built beside it. */
  quantize(quantization: Quantization | undefined): void {
    const { quantization: _, ...params } = this.#params
    this.#params = quantization ? { ...params, quantization } : params
  }

  get current(): Layer | undefined {
    return this.#current
  }

  /** Starts from a snapshot: `layer` over rows that `park` laid. */
  adopt(layer: Layer): void {
    this.#current = layer
    this.rows.handTo(layer.keeper)
    this.#selfRecall = new SelfRecall(layer, false)
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
    this.#rebuild?.layer.release()
    this.#rebuild = undefined
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
    this.#current?.enlist(row, this.rows)
    this.#rebuild?.enlist(row)
  }

  /** Never found again; a record that is not there is none of our business. */
  remove(ordinal: number): void {
    const row = this.rows.rowOf(ordinal)
    if (row !== undefined) this.#discard(row)
  }

  /** `tell` hears how it was done. @throws StoreError `WRONG_INPUT`. */
  search(query: IndexQuery, tell?: (work: SearchWork) => void): IndexHit[] {
    checkQuery(query, this.params)
    return this.#searcher.search(query, this.#current, tell)
  }

  /** Whether every row has its record: no opening is under way. */
  get isSettled(): boolean {
    return this.#unclaimed.size === 0
  }

  /** Vectors that a search scans because no graph has them yet. */
  get tail(): number {
    return this.#current?.missing.size ?? this.rows.live
  }

  /** Whether `step` has anything to do. An opening comes first: a layer never has to know of unclaimed rows it lacks. */
  get hasWork(): boolean {
    if (this.params.metric === 'Manhattan' || !this.isSettled) return false
    if (this.#current === undefined) return this.rows.live >= GRAPH_LIVE_MIN
    if (this.#isShrunk(this.#current) || this.#isBehind(this.#current)) return true
    return (this.#rebuild?.layer.missing.size ?? 0) > 0
  }

  /**
   * Brings what is fresh into the graph, and into the one that is built beside it, until done or `more` says no; returns the
   * number of insertions.
   */
  step(more: () => boolean): number {
    if (!this.hasWork) return 0
    if (this.#current !== undefined && this.#isShrunk(this.#current)) {
      this.#serve(undefined)
      return 0
    }
    if (this.#current === undefined) {
      this.#current = Layer.create(this.params, this.rows, this.files)
      this.rows.handTo(this.#current.keeper)
      this.#selfRecall = new SelfRecall(this.#current, true)
    }
    const next = this.#rebuild?.layer
    // The one that lacks more: a new graph that fell behind what is written all the time would never take over.
    const isNextFirst = next !== undefined && next.missing.size >= this.#current.missing.size
    if (next === undefined || (!isNextFirst && this.#isBehind(this.#current)))
      return this.#current.insert(this.rows, more)
    const count = next.missing.size === 0 ? 0 : next.insert(this.rows, more)
    this.#swapIfDone()
    return count
  }

  /** Why the graph should be built anew; `undefined` if it should not, or is. */
  get wanted(): RebuildReason | undefined {
    const layer = this.#current
    if (layer === undefined || this.#rebuild !== undefined || !this.isSettled) return undefined
    if (this.#isOtherwiseQuantized(layer)) return 'quantization'
    const { dead } = layer.graph
    // What waits takes a slot each: where all is overwritten at once, dead ones come before those that take their place.
    const slots = layer.graph.slots + layer.missing.size
    const { value: recall, whenNew: recallWhenNew } = this.#selfRecall ?? {}
    return rebuildReason({ live: this.rows.live, slots, dead, outgrown: layer.outgrown, recall, recallWhenNew })
  }

  /**
   * Starts a graph beside the one that serves, which it takes the place of when it has everything. `isSoon`: it will not take
   * long, so what is fresh may wait for it; else the graph that serves takes it too. May be called again to say otherwise.
   */
  rebuild(isSoon = true): void {
    this.#isSoon = isSoon
    if (this.#current !== undefined && this.isSettled) this.#rebuild ??= new Rebuild(this.params, this.rows, this.files)
  }

  get isRebuilding(): boolean {
    return this.#rebuild !== undefined
  }

  /** Brings the new graph nearer to the rows until it serves or `more` says no. */
  stepRebuild(more: () => boolean): void {
    const rebuild = this.#rebuild
    if (rebuild === undefined || this.#current === undefined || !this.isSettled) return
    rebuild.step(more)
    this.#swapIfDone()
  }

  /** Whether there is a question about the graph's quality; it can wait. */
  get hasQuestion(): boolean {
    return this.isSettled && !this.hasWork && this.#rebuild === undefined && this.#selfRecall?.isDue === true
  }

  /** Asks it. */
  ask(): void {
    if (this.hasQuestion) this.#selfRecall?.ask(this.rows)
  }

  stats(): SpaceStats {
    const layer = this.#current
    const { params, rows } = this
    const { live } = rows
    const slots = layer?.graph.slots ?? 0
    const next = this.#rebuild?.layer.graph.slots ?? 0
    const selfRecall = this.#selfRecall?.value
    return {
      live,
      pending: layer ? layer.missing.size : this.hasWork ? live : 0,
      dead: layer?.graph.dead ?? 0,
      state: this.#rebuild ? 'rebuilding' : 'ready',
      bytes: rowsBytes(rows) + graphBytes(params, slots + next),
      ...(layer && {
        graph: {
          slots,
          rebuildBytes: graphBytes(params, live),
          ...(this.wanted && { wanted: this.wanted }),
          ...(selfRecall !== undefined && { selfRecall }),
          ...(this.#rebuild && { progress: this.#rebuild.progress }),
        },
      }),
    }
  }

  /** Whether a vector of the id is in memory. */
  traces(id: string): Trace {
    if (this.#unclaimed.has(id)) return 'holds'
    for (const row of this.rows.taken()) if (this.#ids[row] === id) return 'holds'
    const hash = idHash(id)
    const found = [this.#current, this.#rebuild?.layer].map((layer) => layer?.traces(hash) ?? 'clear')
    return found.find((trace) => trace === 'holds') ?? found.find((trace) => trace === 'unknown') ?? 'clear'
  }

  /** Whether a layer writes to this file. */
  uses(path: string): boolean {
    return this.#current?.file?.path === path || this.#rebuild?.layer.file?.path === path
  }

  idOf(row: number): string {
    return this.#ids[row]!
  }

  versionOf(row: number): string {
    return this.#versions[row]!
  }

  /** Gives the memory of its graphs back now. It must not be used any more. */
  close(): void {
    this.#rebuild?.layer.release()
    this.#current?.release()
    this.#rebuild = undefined
    this.#current = undefined
  }

  #isOtherwiseQuantized({ embedding: { quantizer } }: Layer): boolean {
    const { params } = this
    return quantizer?.quantile !== quantileOf(params)
  }

  /** Lacks more than it may. */
  #isBehind({ missing }: Layer): boolean {
    return missing.size > (this.#rebuild && this.#isSoon ? this.#backlogMax : 0)
  }

  #swapIfDone(): void {
    if (this.#rebuild?.isAsGoodAs(this.#current?.missing.size ?? 0)) this.#serve(this.#rebuild.layer)
  }

  /** To a size that is better scanned. */
  #isShrunk({ graph }: Layer): boolean {
    return this.rows.live < GRAPH_LIVE_MIN / 2 && graph.dead > graph.slots * DEAD_SHARE_MAX
  }

  /** In one step: every search before it walked the old graph, every one after it the new. */
  #serve(layer: Layer | undefined): void {
    // Before the old graph goes: what the new one lacks is read from it.
    this.rows.handTo(layer?.keeper)
    this.#current?.release()
    if (this.#rebuild && this.#rebuild.layer !== layer) this.#rebuild.layer.release()
    this.#rebuild = undefined
    this.#current = layer
    this.#selfRecall = layer && new SelfRecall(layer, true)
  }

  #discard(row: number): void {
    const hash = idHash(this.#ids[row]!)
    this.#current?.drop(row, hash)
    this.#rebuild?.drop(row, hash)
    this.#ids[row] = ''
    this.#versions[row] = ''
    this.rows.free(row)
  }
}
