import { type Log, spacesOf, type Timers, type VectorIndex } from '@meridian/core'
import { type Degradation, HealthBook, type LastingDegradation, type Replica } from '@meridian/replica'
import type { Intake } from '../intake/intake.js'
import type { Links } from '../region.js'
import { type DiskRoom, isLow } from './disk-room.js'
import { EventLoopWatch } from './event-loop.js'

const LOOK_EVERY_MS = 1000
const DISK_EVERY_LOOKS = 5
/** Nothing else shows that the loop stood still; heartbeats stand a second of it. */
const BLOCKED_MAX_MS = 1000
/** For so long a death of the worker is told; the rebuild that follows shows by itself. */
const DIED_MS = 60_000
/** And for so long that writes were refused. */
const REFUSED_MS = 10_000

export interface HealthParts {
  readonly replica: Replica
  readonly index: VectorIndex
  readonly links: Pick<Links, 'status'>
  readonly timers: Timers
  readonly log: Log
  /** Of the data directory's disk; undefined: unknown. */
  room(): Promise<DiskRoom | undefined>
  readonly eventLoop?: EventLoopWatch
  readonly intake?: Pick<Intake, 'hasRefused' | 'memoryUsedBytes'>
}

/** What is shown of it. */
export interface HealthView {
  /** As of the last look. */
  degradations(): readonly LastingDegradation[]
  /** Longest standstill of the event loop in the last 15 seconds. */
  readonly blockedMs: number
  /** Of the data directory's disk; undefined where it cannot be told, or not yet. */
  readonly room: DiskRoom | undefined
  readonly indexWorkerDeaths: number
}

/** Spaces that are lost so soon after one another are lost with one worker. */
const ONE_DEATH_MS = 1000

/** Everything that is wrong with this region now, in words: looked at once a second, logged when it begins and when it is over. */
export class Health implements HealthView, Disposable {
  readonly #eventLoop: EventLoopWatch
  readonly #parts: HealthParts
  readonly #book: HealthBook
  #timer: Disposable | undefined
  #looks = 0
  #room: DiskRoom | undefined
  #deaths = 0
  #lastDeathMs = Number.NEGATIVE_INFINITY

  constructor(parts: HealthParts) {
    this.#parts = parts
    this.#book = new HealthBook(parts.timers, parts.log)
    this.#eventLoop = parts.eventLoop ?? new EventLoopWatch()
    this.#arm()
  }

  #arm(): void {
    const { timers } = this.#parts
    const dueMs = timers.elapsedMs() + LOOK_EVERY_MS
    this.#timer = timers.after(LOOK_EVERY_MS, () => {
      this.look(timers.elapsedMs() - dueMs)
      this.#arm()
    })
  }

  look(lateMs = 0): void {
    this.#eventLoop.look(lateMs)
    if (this.#looks++ % DISK_EVERY_LOOKS === 0)
      void this.#parts.room().then((room) => {
        this.#room = room
      })
    this.#book.step([...this.#parts.replica.degradations().map((each) => this.#explain(each)), ...this.#own()])
  }

  degradations(): LastingDegradation[] {
    return this.#book.list()
  }

  get blockedMs(): number {
    return this.#eventLoop.blockedMs
  }

  get room(): DiskRoom | undefined {
    return this.#room
  }

  get indexWorkerDeaths(): number {
    return this.#deaths
  }

  /** Called for each space that was lost with it: those of one moment are one death. */
  indexWorkerDied(): void {
    const nowMs = this.#parts.timers.elapsedMs()
    if (nowMs - this.#lastDeathMs > ONE_DEATH_MS) this.#deaths++
    this.#lastDeathMs = nowMs
  }

  /** A silent peer that is dialed in vain: why. */
  #explain(degradation: Degradation): Degradation {
    if (degradation.code !== 'PEER_SILENT') return degradation
    const link = this.#parts.links.status().find(({ region }) => region === degradation.peer)
    if (link?.enabled === false)
      return { ...degradation, message: `${degradation.message}; the link is switched off by an operator` }
    const dialer = link?.dialer
    if (dialer?.kind !== 'waiting') return degradation
    return { ...degradation, message: `${degradation.message}; dialing ${link!.url} fails: ${dialer.reason}` }
  }

  *#own(): Iterable<Degradation> {
    const { timers } = this.#parts
    const { blockedMs } = this
    if (blockedMs > BLOCKED_MAX_MS)
      yield {
        code: 'EVENT_LOOP_BLOCKED',
        message: `this process stood still for ${(blockedMs / 1000).toFixed(1)} s: nothing was answered meanwhile`,
      }
    if (this.#room !== undefined && isLow(this.#room))
      yield {
        code: 'DISK_LOW',
        message: `${Math.floor(this.#room.freeBytes / 1024 ** 2)} MiB are free on the disk of the data directory: make room`,
      }
    if (timers.elapsedMs() - this.#lastDeathMs < DIED_MS)
      yield {
        code: 'INDEX_WORKER_DIED',
        message: `the index worker died ${this.#deaths === 1 ? 'once' : `${this.#deaths} times`} since the start and was started again`,
      }
    yield* this.#refusals()
    yield* this.#worn()
    yield* this.#spaces()
  }

  *#refusals(): Iterable<Degradation> {
    const { intake } = this.#parts
    if (intake?.hasRefused('memory', REFUSED_MS))
      yield {
        code: 'MEMORY_FULL',
        message: `writes are refused: ${Math.round(intake.memoryUsedBytes / 1024 ** 2)} MiB of memory are in use`,
      }
    if (intake?.hasRefused('pending', REFUSED_MS))
      yield { code: 'INDEX_BEHIND', message: 'writes are refused: they come faster than vectors are indexed' }
  }

  *#worn(): Iterable<Degradation> {
    const worn = this.#parts.index.rebuilds?.().shortOfMemory
    const collection = this.#parts.replica.collections().find(({ uid }) => uid === worn?.collection)
    if (worn === undefined || collection === undefined) return
    const what = `vector ${JSON.stringify(worn.vector)} of collection ${collection.name}`
    yield {
      code: 'INDEX_WORN',
      about: `${collection.name}/${worn.vector}`,
      message: `the graph of ${what} should be rebuilt, and there is no memory for two: searches get slower`,
    }
  }

  *#spaces(): Iterable<Degradation> {
    for (const collection of this.#parts.replica.collections())
      for (const [name] of spacesOf(collection.config)) {
        const state = this.#parts.index.stats(collection.space(name))?.state ?? 'loading'
        if (state === 'ready') continue
        const what = `vector ${JSON.stringify(name)} of collection ${collection.name}`
        const about = `${collection.name}/${name}`
        if (state === 'loading')
          yield { code: 'INDEX_LOADING', about, message: `the index of ${what} is being loaded: searches of it wait` }
        else
          yield {
            code: 'INDEX_REBUILDING',
            about,
            message: `the graph of ${what} is being rebuilt: searches may be slower`,
          }
      }
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]()
    this.#eventLoop[Symbol.dispose]()
  }
}
