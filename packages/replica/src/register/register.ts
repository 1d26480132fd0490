import { type PointId, type RecordOp, StoreError, type Timers, VersionVector } from '@meridian/core'
import type { Done, WriteReceipt, WriteRequest } from '../api.js'
import type { Acknowledgement, Barriers, Member } from '../barriers/barriers.js'
import { majorityOf } from '../barriers/level.js'
import type { CollectionState } from '../collection-state.js'

/** So long a majority may take to get what a read has shown by the usual ways; then it is sent from here. */
const CARRY_AFTER_MS = 100
const CARRY_AGAIN_MS = 500

export interface RegisterParts {
  readonly timers: Timers
  readonly barriers: Barriers
  collection(name: string): CollectionState | undefined
  /** Whether a question would find its way there now. */
  isLinked(member: Member): boolean
  /** @throws StoreError as `Replica.write`. */
  write(request: WriteRequest, done: Done<WriteReceipt>): void
}

export interface RegisterWrite {
  readonly receipt: WriteReceipt
  /** `isMet: false` when no majority had it in time: it may take effect yet, or already has. */
  readonly found: Acknowledgement
}

/**
 * Each point as a linearizable register: the multi-writer form of Attiya, Bar-Noy and Dolev, "Sharing Memory Robustly in
 * Message-Passing Systems" (J. ACM 42, 1995; several writers after Lynch and Shvartsman, 1997). Values are whole points, absence
 * is one of them, and stamps order them.
 *
 *   write: ask a majority what it has ► have it here, so that the clock is past it ► stamp, write ► on a majority's disks
 *   read:  ask a majority what it has ► have it here ► look ► what was seen is on a majority's disks
 *
 *  1. A stamp is above every stamp of the point that a majority had when the write began.
 *  2. What a read has shown is held by a majority before it is answered, so that every later read shows it or something newer.
 *  3. While a write of the point waits here for its stamp's time there is no answer: what is shown is then not the newest.
 *
 * Stamps order whole points. An edit of a part, or a write under a condition, is not a write of a register: an atomic assignment
 * to several registers cannot be built of registers (Herlihy, "Wait-Free Synchronization", 1991), so callers must not offer it.
 */
export class Register {
  constructor(readonly parts: RegisterParts) {}

  /** @throws StoreError `NO_QUORUM` when it cannot be reached now: there is no point in waiting. */
  checkQuorum(): void {
    const { members, self } = this.parts.barriers.parts
    const all = members()
    const away = all.filter((member) => member.replica !== self && !this.parts.isLinked(member))
    if (all.length - away.length >= majorityOf(all.length)) return
    const names = away.map(({ region }) => region).join(', ')
    throw new StoreError(
      'NO_QUORUM',
      `${all.length - away.length} of ${all.length} regions can be reached and ${majorityOf(all.length)} are needed (no link with ${names}); retry, or ask for less than linearizable`,
    )
  }

  /**
   * Writes puts and deletes of whole points, all of one collection, each point linearizable by itself. `NO_QUORUM`, `CLOCK_SKEW`
   * and `TIMEOUT` say that nothing was written. @throws StoreError `NO_QUORUM` at once.
   */
  write(
    { collection, ops }: { readonly collection: string; readonly ops: readonly RecordOp[] },
    timeoutMs: number,
    done: Done<RegisterWrite>,
  ): void {
    const leftMs = this.#countdown(timeoutMs)
    const ids = ops.map(({ id }) => id)
    this.checkQuorum()
    this.beforeWrite(collection, ids, timeoutMs, (outcome) => {
      if (!outcome.ok) {
        done(outcome)
        return
      }
      const started = attempt(() =>
        this.parts.write({ collection, ops }, (written) => {
          if (!written.ok) {
            done(written)
            return
          }
          const receipt = written.value
          this.parts.barriers.acknowledged(receipt, 'quorum', leftMs(), (found) =>
            done(found.ok ? { ok: true, value: { receipt, found: found.value } } : found),
          )
        }),
      )
      if (!started.ok) done(started)
    })
  }

  /**
   * Looks at points when they are as new as they were anywhere when the call came, and answers with what was seen when a majority
   * holds it. `look` runs once, synchronously; a StoreError that it throws is an answer like any other. @throws StoreError `NO_QUORUM` at once.
   */
  read<T>(collection: string, ids: readonly PointId[], timeoutMs: number, look: () => T, done: Done<T>): void {
    const leftMs = this.#countdown(timeoutMs)
    this.checkQuorum()
    this.catchUp(collection, ids, timeoutMs, (outcome) => {
      if (!outcome.ok) {
        done(outcome)
        return
      }
      const shown = this.#shown(collection, ids)
      const seen = attempt(look)
      this.writeBack(shown, leftMs(), (held) => done(held.ok ? seen : held))
    })
  }

  /** The first phase of a write: the clock here is past every stamp that a majority has of these points. */
  beforeWrite(collection: string, ids: readonly PointId[], timeoutMs: number, done: Done<true>): void {
    this.catchUp(collection, ids, timeoutMs, done)
  }

  /** The first phase: everything that a majority has is here, and nothing of these points waits for its time. */
  catchUp(collection: string, ids: readonly PointId[], timeoutMs: number, done: Done<true>): void {
    const { barriers } = this.parts
    const leftMs = this.#countdown(timeoutMs)
    const caughtUp: Done<VersionVector> = (outcome) => {
      if (!outcome.ok) {
        done({ ok: false, error: outcome.error.code === 'TIMEOUT' ? noAnswer(timeoutMs) : outcome.error })
        return
      }
      const waiting = (): PointId | undefined => {
        const found = this.parts.collection(collection)
        return found === undefined ? undefined : ids.find((id) => found.isDeferred(id))
      }
      const late = (): StoreError =>
        new StoreError(
          'CLOCK_SKEW',
          `point ${waiting()} has a write whose stamp is ahead of this region's clock: correct the clock of this region or of the writer's, and retry`,
        )
      barriers.when(() => (waiting() === undefined ? (true as const) : undefined), leftMs(), late, done)
    }
    barriers.frontier('quorum', timeoutMs, caughtUp, () => barriers.parts.durable())
  }

  /** The last phase of a read: a majority has each of these transactions on disk. */
  writeBack(shown: VersionVector, timeoutMs: number, done: Done<true>): void {
    const { barriers, timers } = this.parts
    const missing = () =>
      shown
        .entries()
        .map(([replica, seq]) => barriers.acknowledgement({ replica, seq }, 'quorum'))
        .filter(({ isMet }) => !isMet)
    let carrying: Disposable | undefined
    const carry = (): void => {
      const regions = new Set(missing().flatMap(({ missingIn }) => missingIn))
      for (const { replica, region } of barriers.parts.members())
        if (regions.has(region) && replica !== barriers.parts.self) barriers.parts.carry(replica, shown)
      carrying = timers.after(CARRY_AGAIN_MS, carry)
    }
    let isOver = false
    const late = (): StoreError => {
      const regions = [...new Set(missing().flatMap(({ missingIn }) => missingIn))].join(', ')
      return new StoreError(
        'NO_QUORUM',
        `after ${Math.round(timeoutMs)} ms what was read is not on the disks of a majority of regions (missing in ${regions}); retry`,
      )
    }
    const held = (): true | undefined => (missing().length === 0 ? true : undefined)
    barriers.when(held, timeoutMs, late, (outcome) => {
      isOver = true
      carrying?.[Symbol.dispose]()
      done(outcome)
    })
    if (!isOver) carrying = timers.after(CARRY_AFTER_MS, carry)
  }

  /** The transactions that the state of these points is made of; deleted points have some too. */
  #shown(collection: string, ids: readonly PointId[]): VersionVector {
    const found = this.parts.collection(collection)
    if (found === undefined) return VersionVector.ZERO
    let shown = VersionVector.ZERO
    for (const id of ids) for (const { origin, seq } of found.history(id)) shown = shown.advance(origin, seq)
    return shown
  }

  #countdown(timeoutMs: number): () => number {
    const { timers } = this.parts
    const startedAt = timers.elapsedMs()
    return () => Math.max(0, timeoutMs - (timers.elapsedMs() - startedAt))
  }
}

/** What may refuse, where nobody could catch it any more. */
const attempt = <T>(run: () => T): Parameters<Done<T>>[0] => {
  try {
    return { ok: true, value: run() }
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    return { ok: false, error }
  }
}

const noAnswer = (timeoutMs: number): StoreError =>
  new StoreError(
    'NO_QUORUM',
    `after ${Math.round(timeoutMs)} ms too few regions have answered, or what they have has not come; retry, raise timeout, or ask for less than linearizable`,
  )
