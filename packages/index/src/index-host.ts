import {
  assert,
  type IndexHit,
  type IndexTraces,
  type Log,
  type SearchWork,
  type SpaceRef,
  StoreError,
  unreachable,
  type VectorParams,
} from '@meridian/core'
import { Feed } from './feed.js'
import { PLANNER } from './planner.js'
import { spaceKey } from './query.js'
import { idHash, UNKNOWN_ID } from './buried.js'
import { Share } from './share.js'
import { ENGINE } from './graph.js'
import { NOTHING_SAVED, Saver, type Saveable } from './saver.js'
import { Snapshots } from './snapshots.js'
import { Space } from './space.js'
import { collectGarbage, shrinkNursery } from './tidier.js'
import type { Changes, IndexReply, IndexRequest, Offer, SpaceNumber } from './worker-protocol.js'

/**
 * How long a search may find the worker building: shorter while searches keep coming, but as long as those since the last slice
 * took. Searches that follow one another without a pause would leave building next to nothing, and what is not built makes them slow.
 */
const SLICE_MS = 2
const SLICE_SERVING_MS = 1
const SERVING_MS = 50
/** After a search, others are counted on for so long: less often than that, they hardly wait for one another. */
const SEARCHED_MS = 250
/** Of a rebuild, which can wait: about two insertions. */
const REBUILD_SERVING_MS = 0.5
/** From this share of the time on a rebuild is done soon enough for fresh vectors to wait for it. */
const SOON_PACE = 0.5
/** How often it says how long it has worked. */
const WORKED_MS = 20

interface Hosted extends Saveable {
  applied: number
  settled: boolean
}

/**
 * What lives in the worker: all spaces, fed by requests. Plain dispatch without a thread, so tests call it directly.
 * `serve` answers requests in order; between them the owner calls `work`, one short slice of graph building at a time, so
 * that a search waits for one slice at most.
 */
export class IndexHost {
  readonly #spaces = new Map<SpaceNumber, Hosted>()
  readonly #changed = new Set<SpaceNumber>()
  readonly #snapshots: Snapshots
  readonly #saver: Saver<Hosted>
  readonly #feed: Feed
  #searchedAtMs = Number.NEGATIVE_INFINITY
  /** The space that had the last slice. */
  #lastServed: SpaceNumber = 0
  #rebuild: { readonly space: SpaceNumber; readonly pace: number; readonly share: Share } | undefined
  /** What searches took since the last slice. */
  #answeredMs = 0
  #workedMs = 0
  #wasRebuild = false
  #isClosed = false

  constructor(
    directory: string,
    readonly post: (reply: IndexReply) => void,
    readonly elapsedMs: () => number,
    isShared = false,
  ) {
    this.#feed = new Feed(isShared)
    this.#snapshots = new Snapshots(directory, logTo(post))
    this.#saver = new Saver(this.#snapshots, elapsedMs, logTo(post), (hosted) =>
      [...this.#spaces.values()].includes(hosted),
    )
  }

  /** Whether there may be work now: questions alone bring none. */
  serve(requests: readonly IndexRequest[]): boolean {
    let bringsWork = false
    for (const request of requests) {
      this.#serve(request)
      bringsWork ||= request.type !== 'search' && request.type !== 'traces'
    }
    this.#report()
    return bringsWork
  }

  /**
   * Builds graphs for one short slice, each space and the rebuild in turn; or measures a graph; or takes a snapshot that is due.
   * Returns when to call it again: after so many milliseconds, or (`undefined`) when `serve` says so. To be called now and then
   * even so: a snapshot may wait for searches to cease.
   */
  work(sliceMs = this.#sliceMs()): number | undefined {
    if (this.#isClosed) return undefined
    const restMs = this.#rebuildRestMs()
    const isRebuildsTurn = restMs === 0 && !this.#wasRebuild
    this.#wasRebuild = false
    const feedMs = this.#feed.restMs(this.elapsedMs())
    if (!isRebuildsTurn && feedMs === 0 && this.#build(sliceMs)) return 0
    if (restMs === 0) {
      this.#wasRebuild = true
      this.#rebuildSlice(Math.min(sliceMs, this.#isServing ? this.#fairMs(REBUILD_SERVING_MS) : sliceMs))
      return 0
    }
    if (feedMs > 0 && this.#next() !== undefined) return Math.min(feedMs, restMs ?? feedMs)
    if (this.#build(sliceMs)) return 0
    return this.#idle() ? 0 : restMs
  }

  /** The space that has the next slice. */
  #next(): [SpaceNumber, Hosted] | undefined {
    const working = [...this.#spaces].filter(([, { settled, space }]) => settled && space.hasWork)
    return working.find(([each]) => each > this.#lastServed) ?? working[0]
  }

  /** One slice of bringing a graph up to date. */
  #build(sliceMs: number): boolean {
    const next = this.#next()
    if (next === undefined) return false
    this.#answeredMs = 0
    const [number, hosted] = next
    this.#lastServed = number
    const startedMs = this.elapsedMs()
    hosted.space.step(this.#during(sliceMs))
    const endedMs = this.elapsedMs()
    const isSearched = endedMs - this.#searchedAtMs < SEARCHED_MS
    this.#feed.built(endedMs, endedMs - startedMs, hosted.space.tail * hosted.space.params.size, isSearched)
    this.#changed.add(number)
    if (!hosted.space.hasWork) this.#saver.saveIfDue(hosted, this.#searchedAtMs)
    this.#report()
    return true
  }

  /** What can wait for everything else; whether there was something. */
  #idle(): boolean {
    for (const [number, hosted] of this.#spaces) {
      if (!hosted.settled) continue
      this.#saver.saveIfDue(hosted, this.#searchedAtMs)
      if (!hosted.space.hasQuestion) continue
      hosted.space.ask()
      // One question changes nothing; the last of a measurement does.
      if (!hosted.space.hasQuestion) this.#changed.add(number)
      this.#report()
      return true
    }
    return false
  }

  /** 0: it is its turn; `undefined`: there is none, or it stands still. */
  #rebuildRestMs(): number | undefined {
    const rebuild = this.#rebuild
    if (rebuild === undefined || rebuild.pace === 0) return undefined
    if (this.#spaces.get(rebuild.space)?.space.isRebuilding !== true) {
      this.#rebuild = undefined
      return undefined
    }
    return rebuild.share.restMs(this.elapsedMs())
  }

  #rebuildSlice(sliceMs: number): void {
    const rebuild = this.#rebuild!
    this.#answeredMs = 0
    const hosted = this.#hosted(rebuild.space)
    const startedMs = this.elapsedMs()
    hosted.space.stepRebuild(this.#during(sliceMs))
    const endedMs = this.elapsedMs()
    rebuild.share.took(endedMs, endedMs - startedMs, rebuild.pace)
    this.#workedMs += endedMs - startedMs
    if (this.#workedMs >= WORKED_MS || !hosted.space.isRebuilding) {
      this.post({ type: 'worked', ms: this.#workedMs })
      this.#workedMs = 0
      this.#changed.add(rebuild.space)
    }
    if (!hosted.space.isRebuilding) this.#saver.saveIfDue(hosted, this.#searchedAtMs)
    this.#report()
  }

  #startRebuild(number: SpaceNumber, pace: number): void {
    const hosted = this.#spaces.get(number)
    if (hosted === undefined || !hosted.settled) return
    hosted.space.rebuild(pace >= SOON_PACE)
    this.#rebuild = { space: number, pace, share: new Share(this.elapsedMs()) }
    this.#changed.add(number)
  }

  #during(ms: number): () => boolean {
    const until = this.elapsedMs() + ms
    return () => this.elapsedMs() < until
  }

  get #isServing(): boolean {
    return this.elapsedMs() - this.#searchedAtMs < SERVING_MS
  }

  #sliceMs(): number {
    return this.#isServing ? this.#fairMs(SLICE_SERVING_MS) : SLICE_MS
  }

  #fairMs(leastMs: number): number {
    return Math.max(leastMs, Math.min(SLICE_MS, this.#answeredMs))
  }

  #serve(request: IndexRequest): void {
    switch (request.type) {
      case 'open':
        this.#open(request.space, request.ref, request.params, request.fresh)
        break
      case 'offer':
        this.#claim(request.space, request.offer)
        break
      case 'settle': {
        const hosted = this.#hosted(request.space)
        hosted.space.settle()
        hosted.settled = true
        this.#changed.add(request.space)
        break
      }
      case 'change':
        this.#change(request.space, request.changes)
        break
      case 'search':
        // Who has the answer has the numbers that go with it.
        this.#report()
        this.#searchedAtMs = this.elapsedMs()
        this.#answer(request.id, (tell) => this.#hosted(request.space).space.search(request.query, tell))
        this.#answeredMs += this.elapsedMs() - this.#searchedAtMs
        break
      case 'traces':
        this.#saver.written.then(() =>
          this.post({ type: 'traces', id: request.id, traces: this.#traces(request.space, request.record) }),
        )
        break
      case 'rebuild':
        this.#startRebuild(request.space, request.pace)
        break
      case 'drop':
        this.#spaces.get(request.space)?.space.close()
        this.#spaces.delete(request.space)
        this.#snapshots.drop(request.ref)
        this.post({ type: 'dropped', space: request.space })
        break
      case 'flush':
        this.#saver.flush([...this.#spaces.values()]).then(
          () => this.post({ type: 'done', id: request.id }),
          (error: unknown) => this.post(failure(request.id, error)),
        )
        break
      case 'tidy':
        if (request.what === 'garbage') collectGarbage()
        else shrinkNursery()
        ENGINE.trimMemory()
        break
      case 'close':
        this.#isClosed = true
        this.#saver.written.then(() => this.post({ type: 'closed' }))
        break
      default:
        unreachable(request)
    }
  }

  #hosted(number: SpaceNumber): Hosted {
    const hosted = this.#spaces.get(number)
    assert(hosted, `space ${number} is open`)
    return hosted
  }

  #open(number: SpaceNumber, ref: SpaceRef, params: VectorParams, fresh: boolean): void {
    const known = fresh ? undefined : (this.#takeOver(ref, params) ?? this.#load(ref, params))
    const space = known?.space ?? new Space(params, PLANNER, this.#snapshots.filesFor(ref, params))
    const saved = known?.saved ?? NOTHING_SAVED
    this.#spaces.set(number, { ref, space, saved, applied: 0, settled: false })
  }

  /** The rows of an earlier opening; it is over. */
  #takeOver(ref: SpaceRef, params: VectorParams): Pick<Hosted, 'space' | 'saved'> | undefined {
    for (const [number, hosted] of this.#spaces) {
      if (spaceKey(hosted.ref) !== spaceKey(ref)) continue
      this.#spaces.delete(number)
      if (shapeOf(hosted.space.params) !== shapeOf(params)) {
        hosted.space.close()
        return undefined
      }
      hosted.space.quantize(params.quantization)
      hosted.space.release()
      return hosted
    }
    return undefined
  }

  #load(ref: SpaceRef, params: VectorParams): Pick<Hosted, 'space' | 'saved'> | undefined {
    if (params.metric === 'Manhattan') return undefined
    const loaded = this.#snapshots.load(ref, params)
    if (loaded === undefined) return undefined
    const { space, contents } = loaded
    return { space, saved: { layer: space.current, revision: 0, contents } }
  }

  #claim(number: SpaceNumber, { ordinals, ids, versions }: Offer): void {
    const { space } = this.#hosted(number)
    const wanted: number[] = []
    for (let i = 0; i < ordinals.length; i++) if (!space.claim(ordinals[i]!, ids[i]!, versions[i]!)) wanted.push(i)
    this.post({ type: 'wanted', space: number, wanted: Uint32Array.from(wanted) })
  }

  #change(number: SpaceNumber, { ordinals, ids, versions, vectors }: Changes): void {
    const hosted = this.#hosted(number)
    const dims = hosted.space.params.size
    if (vectors.length > 0) this.#feed.came(this.elapsedMs())
    let at = 0
    for (let i = 0; i < ordinals.length; i++) {
      const id = ids[i]
      if (id === undefined) hosted.space.remove(ordinals[i]!)
      else {
        hosted.space.set(ordinals[i]!, id, versions[i]!, vectors.subarray(at, at + dims))
        at += dims
      }
    }
    hosted.applied += ordinals.length
    this.#changed.add(number)
  }

  #answer(id: number, search: (tell: (work: SearchWork) => void) => IndexHit[]): void {
    let work: SearchWork | undefined
    try {
      const hits = search((told) => {
        work = told
      })
      assert(work, 'a search tells how it was done')
      const ordinals = new Uint32Array(hits.length)
      const scores = new Float32Array(hits.length)
      for (let i = 0; i < hits.length; i++) {
        ordinals[i] = hits[i]!.ordinal
        scores[i] = hits[i]!.score
      }
      this.post({ type: 'hits', id, ordinals, scores, work })
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      this.post(failure(id, error))
    }
  }

  /** Of a space that was dropped, or opened anew, meanwhile nothing is known. */
  #traces(number: SpaceNumber, record: string): IndexTraces {
    const hosted = this.#spaces.get(number)
    if (hosted === undefined || !hosted.settled) return { graph: 'unknown', files: 'unknown' }
    const { contents, layer } = hosted.saved
    const graph = hosted.space.traces(record)
    const isIn = contents.includes(idHash(record))
    const { current } = hosted.space
    const isOld = layer?.file !== undefined && layer !== current
    return {
      graph,
      // A file of vectors has what the graph that writes to it has; one of a graph before goes with the next snapshot.
      files: isIn ? 'holds' : contents.includes(UNKNOWN_ID) || isOld ? 'unknown' : current?.file ? graph : 'clear',
    }
  }

  #report(): void {
    for (const number of this.#changed) {
      const hosted = this.#spaces.get(number)
      if (hosted) this.post({ type: 'stats', space: number, applied: hosted.applied, stats: hosted.space.stats() })
    }
    this.#changed.clear()
  }
}

/** What a graph cannot be without; how it holds vectors can change while it serves. */
const shapeOf = ({ quantization: _, ...params }: VectorParams): string => JSON.stringify(params)

const failure = (id: number, error: unknown): IndexReply =>
  error instanceof StoreError
    ? { type: 'failed', id, code: error.code, message: error.message }
    : { type: 'failed', id, code: 'INTERNAL', message: String(error) }

/** A log of the main thread's. */
export const logTo = (post: (reply: IndexReply) => void): Log => ({
  info: (fields, message) => post({ type: 'log', level: 'info', fields, message }),
  warn: (fields, message) => post({ type: 'log', level: 'warn', fields, message }),
  error: (fields, message) => post({ type: 'log', level: 'error', fields, message }),
})
