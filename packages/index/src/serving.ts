import type { Quantization, RebuildReason, SpaceStats, Trace, VectorParams } from '@meridian/core'
import { DEAD_SHARE_MAX, rebuildReason } from './graph-health.js'
import { graphBytes } from './graph-memory.js'
import { Layer, type VectorFiles } from './layer.js'
import { quantileOf } from './quantizer.js'
import { Rebuild } from './rebuild.js'
import type { Rows } from './rows.js'
import { SelfRecall } from './self-recall.js'

/** Fewer vectors than this are scanned: as fast, always right, and equal on every replica. */
export const GRAPH_LIVE_MIN = 1000
/** While a rebuild runs, the serving graph is brought up to date only where scanning what it lacks would take a search about 1 ms. */
const BACKLOG_NUMBERS_MAX = 1_000_000
const BACKLOG_MAX = 10_000

/**
 * The graph that serves a space, and the one that is built beside it to take its place:
 *
 *   none ──`step`, enough rows──► serving ──`rebuild`──► serving, another beside it
 *     ▲                            │   ▲                    │
 *     └───`step`, few are left─────┘   └──the other serves──┘
 *
 * Every change goes to both, so the swap loses nothing. All rows have their records when it is asked to do something.
 */
export class Serving {
  readonly #backlogMax: number
  #params: VectorParams
  #current: Layer | undefined
  #rebuild: Rebuild | undefined
  /** Whether the rebuild will not take long. */
  #isSoon = true
  #selfRecall: SelfRecall | undefined

  constructor(
    params: VectorParams,
    readonly rows: Rows,
    /** Where whole vectors go when the graph holds codes; without it they stay in memory. */
    readonly files?: VectorFiles,
  ) {
    this.#params = params
    this.#backlogMax = Math.min(BACKLOG_MAX, Math.floor(BACKLOG_NUMBERS_MAX / params.size))
  }

  /** What the next graph is built by. */
  get params(): VectorParams {
    return this.#params
  }

  quantize(quantization: Quantization | undefined): void {
    const { quantization: _, ...params } = this.#params
    this.#params = quantization ? { ...params, quantization } : params
  }

  get current(): Layer | undefined {
    return this.#current
  }

  /** The first graph is one that was loaded, and not built here. */
  adopt(layer: Layer): void {
    this.#current = layer
    this.rows.handTo(layer.keeper)
    this.#selfRecall = new SelfRecall(layer, false)
  }

  /** Takes note of a row that was just taken. */
  enlist(row: number): void {
    this.#current?.enlist(row, this.rows)
    this.#rebuild?.enlist(row)
  }

  /** Forgets a row that is about to be freed, of an id with that hash. */
  drop(row: number, hash: number): void {
    this.#current?.drop(row, hash)
    this.#rebuild?.drop(row, hash)
  }

  /** Whether `step` has anything to do. */
  get hasWork(): boolean {
    if (this.#current === undefined) return this.rows.live >= GRAPH_LIVE_MIN
    if (this.#isShrunk(this.#current) || this.#isBehind(this.#current)) return true
    return (this.#rebuild?.layer.missing.size ?? 0) > 0
  }

  /**
   * Where there is work: brings what is fresh into the graph, and into the one that is built beside it, until done or `more` says
   * no; returns the number of insertions.
   */
  step(more: () => boolean): number {
    if (this.#current !== undefined && this.#isShrunk(this.#current)) {
      this.#serve(undefined)
      return 0
    }
    if (this.#current === undefined) {
      this.#current = Layer.create(this.#params, this.rows, this.files)
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
    if (layer === undefined || this.#rebuild !== undefined) return undefined
    if (layer.embedding.quantizer?.quantile !== quantileOf(this.#params)) return 'quantization'
    const { dead } = layer.graph
    // What waits takes a slot each: where all is overwritten at once, dead ones come before those that take their place.
    const slots = layer.graph.slots + layer.missing.size
    const { value: recall, whenNew: recallWhenNew } = this.#selfRecall ?? {}
    return rebuildReason({ live: this.rows.live, slots, dead, outgrown: layer.outgrown, recall, recallWhenNew })
  }

  /**
   * Starts a graph beside the one that serves, if there is one. `isSoon`: it will not take long, so what is fresh may wait for it;
   * else the graph that serves takes it too. May be called again to say otherwise.
   */
  rebuild(isSoon: boolean): void {
    this.#isSoon = isSoon
    if (this.#current !== undefined) this.#rebuild ??= new Rebuild(this.#params, this.rows, this.files)
  }

  get isRebuilding(): boolean {
    return this.#rebuild !== undefined
  }

  /** Brings the new graph nearer to the rows until it serves or `more` says no. */
  stepRebuild(more: () => boolean): void {
    if (this.#rebuild === undefined || this.#current === undefined) return
    this.#rebuild.step(more)
    this.#swapIfDone()
  }

  /** The new graph is not wanted any more. */
  giveUpRebuild(): void {
    this.#rebuild?.layer.release()
    this.#rebuild = undefined
  }

  /** Whether there is a question about the graph's quality; it can wait. */
  get hasQuestion(): boolean {
    return this.#rebuild === undefined && this.#selfRecall?.isDue === true
  }

  /** Asks it. */
  ask(): void {
    this.#selfRecall?.ask(this.rows)
  }

  /** What both graphs take. */
  get bytes(): number {
    const slots = this.#current?.graph.slots ?? 0
    const next = this.#rebuild?.layer.graph.slots ?? 0
    return graphBytes(this.#params, slots + next)
  }

  /** Of the graph that serves; `wanted` as the space says. */
  stats(wanted: RebuildReason | undefined): SpaceStats['graph'] {
    if (this.#current === undefined) return undefined
    const selfRecall = this.#selfRecall?.value
    return {
      slots: this.#current.graph.slots,
      rebuildBytes: graphBytes(this.#params, this.rows.live),
      ...(wanted && { wanted }),
      ...(selfRecall !== undefined && { selfRecall }),
      ...(this.#rebuild && { progress: this.#rebuild.progress }),
    }
  }

  /** Whether a graph has a vector of an id with that hash, which may be dead. */
  traces(hash: number): Trace {
    const found = [this.#current, this.#rebuild?.layer].map((layer) => layer?.traces(hash) ?? 'clear')
    return found.find((trace) => trace === 'holds') ?? found.find((trace) => trace === 'unknown') ?? 'clear'
  }

  /** Whether a layer writes to this file. */
  uses(path: string): boolean {
    return this.#current?.file?.path === path || this.#rebuild?.layer.file?.path === path
  }

  /** Gives the memory of the graphs back now. It must not be used any more. */
  close(): void {
    this.giveUpRebuild()
    this.#current?.release()
    this.#current = undefined
  }

  /** Lacks more than it may. */
  #isBehind({ missing }: Layer): boolean {
    return missing.size > (this.#rebuild && this.#isSoon ? this.#backlogMax : 0)
  }

  /** To a size that is better scanned. */
  #isShrunk({ graph }: Layer): boolean {
    return this.rows.live < GRAPH_LIVE_MIN / 2 && graph.dead > graph.slots * DEAD_SHARE_MAX
  }

  #swapIfDone(): void {
    if (this.#rebuild?.isAsGoodAs(this.#current?.missing.size ?? 0)) this.#serve(this.#rebuild.layer)
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
}
