import type { Log, RebuildReason, RebuildStatus, SpaceRef, SpaceStats, Timers } from '@meridian/core'
import { type Breaker, CLOSED, type Load, paceOf, stepBreaker } from './breaker.js'
import { isWornAtRest } from './graph-health.js'
import { ServingTimes } from './serving-times.js'

const LOOK_MS = 250
/** A graph that did not change for so long is at rest. */
const REST_MS = 30_000
/** Of what a graph takes: its capacity grows in steps, and changes go on. */
const MEMORY_FACTOR = 1.25
/**
 * A graph that is worn goes on being worn while its rebuild stands still. From this dead share on, where searches cost 1.3-1.4 times
 * as much, a rebuild is owed some of its worker's time, more the more is dead, up to half of it when half is dead: 1.7-1.9 times.
 */
const OWED_DEAD_SHARE = 0.3
const OWED_RISE = 2.5
const OWED_MAX = 0.5
/** In steps, so that a graph which wears on does not change its pace with each look. */
const OWED_STEPS = 20

/** A space as this looks at it. */
export interface Rebuildable {
  readonly ref: SpaceRef
  readonly stats: SpaceStats
}

export interface RebuildParts<S extends Rebuildable> {
  readonly timers: Timers
  readonly log: Log
  /** Spaces that are open and loaded. */
  spaces(): Iterable<S>
  /** Milliseconds that this process used of its processors, all threads together, since whenever. */
  cpuMs(): number
  readonly processors: number
  /** Bytes that may still be taken for this. */
  memoryFree(reason: RebuildReason): number
  /** Tells the space's worker to build its graph anew, or to take another share of its time, 0 to 1. */
  pace(space: S, pace: number): void
  /** A graph of this space took the place of another, which is gone. */
  done?(space: S): void
}

/** A graph as it was when it changed last. */
interface Still {
  readonly slots: number
  readonly dead: number
  readonly sinceMs: number
}

/**
 * Decides when graphs are rebuilt: one at a time in the region, when there is memory for two, at the pace that the breaker
 * allows. A rebuild is never given up for load: what is done stays and goes on later.
 */
export class Rebuilds<S extends Rebuildable> implements Disposable {
  readonly times = new ServingTimes()
  readonly #parts: RebuildParts<S>
  readonly #still = new WeakMap<S, Still>()
  #timer: Disposable | undefined
  #current:
    | { readonly space: S; readonly reason: RebuildReason; readonly sinceMs: number; hasBegun: boolean }
    | undefined
  #breaker: Breaker = CLOSED
  #trips = 0
  #completed = 0
  #short: SpaceRef | undefined
  #lookedAtMs: number
  #cpuMs: number
  #workedMs = 0

  constructor(parts: RebuildParts<S>) {
    this.#parts = parts
    this.#lookedAtMs = parts.timers.elapsedMs()
    this.#cpuMs = parts.cpuMs()
    this.#arm()
  }

  status(): RebuildStatus {
    const { kind, trips } = this.#breaker
    const { calmMs } = this.times
    const space = this.#current?.space
    return {
      breaker: kind,
      pace: paceOf(this.#breaker),
      trips: this.#trips,
      recentTrips: trips,
      completed: this.#completed,
      ...(calmMs !== undefined && { calmMs }),
      ...(space && { space: space.ref, reason: this.#current!.reason, progress: space.stats.graph?.progress ?? 0 }),
      ...(this.#short && { shortOfMemory: this.#short }),
    }
  }

  /** Milliseconds that a worker says it has worked on the rebuild in its last slices. */
  worked(ms: number): void {
    this.#workedMs += ms
  }

  /** Once a quarter second; public for tests that step the clock. */
  look(): void {
    const nowMs = this.#parts.timers.elapsedMs()
    const load = this.#load(nowMs)
    this.#follow(nowMs)
    const before = this.#breaker
    this.#breaker = stepBreaker(before, this.#current ? load : {}, nowMs)
    for (const space of this.#parts.spaces()) this.#watch(space, nowMs)
    if (this.#current === undefined) this.#start(nowMs)
    else if (paceOf(before) !== paceOf(this.#breaker)) this.#turn(load)
    // It has not begun.
    else if (this.#current.space.stats.state === 'ready') this.#parts.pace(this.#current.space, paceOf(this.#breaker))
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]()
  }

  #arm(): void {
    this.#timer = this.#parts.timers.after(LOOK_MS, () => {
      this.look()
      this.#arm()
    })
  }

  #load(nowMs: number): Load {
    const { processors } = this.#parts
    const tookMs = Math.max(1, nowMs - this.#lookedAtMs)
    const cpuMs = this.#parts.cpuMs()
    const othersMs = Math.max(0, cpuMs - this.#cpuMs - this.#workedMs)
    this.#lookedAtMs = nowMs
    this.#cpuMs = cpuMs
    this.#workedMs = 0
    const isCalm = this.#current === undefined || paceOf(this.#breaker) === 0
    const servingMs = this.times.look(isCalm)
    const { calmMs } = this.times
    const { dead, graph } = this.#current?.space.stats ?? {}
    return {
      owedPace: dead === undefined || graph === undefined ? 0 : owedPace(dead / graph.slots),
      cpuShare: othersMs / (tookMs * processors),
      lateMs: Math.max(0, tookMs - LOOK_MS),
      ...(servingMs !== undefined && { servingMs }),
      ...(calmMs !== undefined && { calmMs }),
    }
  }

  /** Whether the rebuild is over: done, or its space is gone or was opened anew. */
  #follow(nowMs: number): void {
    const current = this.#current
    if (current === undefined) return
    const isOpen = [...this.#parts.spaces()].includes(current.space)
    const { state } = current.space.stats
    if (state === 'rebuilding') current.hasBegun = true
    // A graph that wore while it was built may be over and wanted again in one look.
    const isAwaited = state !== 'ready' || (!current.hasBegun && isWorn(current.space.stats))
    if (isOpen && isAwaited) return
    this.#current = undefined
    if (!isOpen) return
    this.#completed++
    const seconds = Math.round((nowMs - current.sinceMs) / 100) / 10
    this.#parts.log.info({ ...current.space.ref, reason: current.reason, seconds }, 'graph rebuilt')
    this.#parts.done?.(current.space)
  }

  #watch(space: S, nowMs: number): void {
    const { dead, graph, pending } = space.stats
    const still = this.#still.get(space)
    const slots = graph?.slots ?? 0
    if (pending > 0 || still?.slots !== slots || still.dead !== dead)
      this.#still.set(space, { slots, dead, sinceMs: nowMs })
  }

  #isAtRest(space: S, nowMs: number): boolean {
    const { sinceMs = nowMs } = this.#still.get(space) ?? {}
    return nowMs - sinceMs >= REST_MS
  }

  #start(nowMs: number): void {
    const spaces = [...this.#parts.spaces()]
    const wanting = spaces.filter(({ stats }) => stats.graph?.wanted !== undefined)
    const wanted = wanting.find((space) => this.#hasRoom(space))
    this.#tellShort(wanted ? undefined : wanting[0])
    // It can do without: nobody is told if there is no memory.
    const isDue = (space: S): boolean => isWorn(space.stats) && this.#isAtRest(space, nowMs) && this.#hasRoom(space)
    const space = wanted ?? spaces.find(isDue)
    if (space === undefined) return
    const reason = reasonOf(space.stats)
    this.#current = { space, reason, sinceMs: nowMs, hasBegun: false }
    this.#parts.log.info({ ...space.ref, reason, dead: space.stats.dead, live: space.stats.live }, 'rebuilding a graph')
    this.#parts.pace(space, paceOf(this.#breaker))
  }

  #hasRoom({ stats }: S): boolean {
    return stats.graph!.rebuildBytes * MEMORY_FACTOR <= this.#parts.memoryFree(reasonOf(stats))
  }

  #turn(load: Load): void {
    const pace = paceOf(this.#breaker)
    const { space } = this.#current!
    // Searches from before were made at another pace.
    this.times.forget()
    if (this.#breaker.kind === 'open') {
      this.#trips++
      this.#parts.log.info({ ...space.ref, ...load }, 'rebuild interrupted for the sake of searches')
    }
    this.#parts.pace(space, pace)
  }

  #tellShort(space: S | undefined): void {
    if (space !== undefined && this.#short === undefined) {
      const free = this.#parts.memoryFree(space.stats.graph!.wanted!)
      this.#parts.log.warn({ ...space.ref, free }, 'a graph should be rebuilt, and there is no memory for two')
    }
    this.#short = space?.ref
  }
}

/** Should be rebuilt now, or once it is at rest. */
const isWorn = ({ dead, graph }: SpaceStats): boolean =>
  graph !== undefined && (graph.wanted !== undefined || isWornAtRest(graph.slots, dead))

const reasonOf = ({ graph }: SpaceStats): RebuildReason => graph?.wanted ?? 'dead'

const owedPace = (deadShare: number): number => {
  const owed = Math.min(OWED_MAX, Math.max(0, (deadShare - OWED_DEAD_SHARE) * OWED_RISE))
  return Math.floor(owed * OWED_STEPS) / OWED_STEPS
}
