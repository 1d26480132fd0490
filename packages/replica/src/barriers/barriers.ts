import { type Dot, type RegionId, type ReplicaId, StoreError, type Timers, VersionVector } from '@meridian/core'
import type { Done } from '../api.js'
import type { Peer } from '../peer.js'
import { countOf, type Level } from './level.js'
import { Waits } from './waits.js'

/** A question is asked again of those who have not answered, for links lose frames and come and go. */
const ASK_AGAIN_MS = 200

export interface Member {
  readonly replica: ReplicaId
  readonly region: RegionId
}

export interface BarrierParts {
  readonly self: ReplicaId
  readonly timers: Timers
  /** Active ones, this replica included. */
  members(): readonly Member[]
  /** Why this replica may not count others: it is no member. */
  uncounted?(): StoreError | undefined
  durable(): VersionVector
  /** What a search here finds, whatever the index still has to do with the rest. */
  indexed(): VersionVector
  peer(replica: ReplicaId): Peer | undefined
  /** Sends the question if there is a link. */
  ask(replica: ReplicaId, nonce: number): void
  /** Asks for what it said to have, whoever wrote it, if there is a link. */
  need(replica: ReplicaId, vector: VersionVector): void
  /** Sends what is held here of `vector`, if there is a link. */
  carry(replica: ReplicaId, vector: VersionVector): void
}

/** How far a write has come. */
export interface Acknowledgement {
  readonly isMet: boolean
  readonly needed: number
  /** Active members that are known to have it on disk, and those that are not. */
  readonly durableIn: readonly RegionId[]
  readonly missingIn: readonly RegionId[]
}

interface Question {
  readonly askedAt: number
  readonly answers: Map<ReplicaId, VersionVector>
}

/**
 * Waiting for version vectors to cover one another; there is no other mechanism behind any guarantee.
 *
 *  1. Members are counted as they are when it is looked: a region that was added meanwhile counts.
 *  2. An answer counts for a question that was asked before it was given, and for no other.
 *  3. A read waits for what is searchable here (`indexed`), never for what is only merged or on disk.
 */
export class Barriers {
  readonly #waits: Waits
  readonly #questions = new Map<number, Question>()
  #nonce = 1

  constructor(readonly parts: BarrierParts) {
    this.#waits = new Waits(parts.timers)
  }

  /** Waits under way. */
  get waiting(): number {
    return this.#waits.count
  }

  /** @throws StoreError `BAD_REQUEST` when the level asks for more regions than are active, `NOT_READY` where none may be counted. */
  needed(level: Level): number {
    const reason = level === 'local' || level === 1 ? undefined : this.parts.uncounted?.()
    if (reason !== undefined) throw reason
    return countOf(level, this.parts.members().length)
  }

  /** Which members have the write durably now. */
  acknowledgement(dot: Dot, level: Level): Acknowledgement {
    const members = this.parts.members()
    const has = members.filter(({ replica }) => this.#durableAt(replica).covers(dot))
    const needed = typeof level === 'number' ? level : countOf(level, members.length)
    return {
      isMet: has.length >= needed && (needed === 1 || this.parts.uncounted?.() === undefined),
      needed,
      durableIn: has.map(({ region }) => region),
      missingIn: members.filter((member) => !has.includes(member)).map(({ region }) => region),
    }
  }

  /**
   * Waits until the write is on disk in as many regions as `level` asks for. Running out of time is no failure, nor is a change of
   * the members since `needed` was asked before the write: the answer then says `isMet: false` and where the write is.
   */
  acknowledged(dot: Dot, level: Level, timeoutMs: number, done: Done<Acknowledgement>): void {
    const now = (): Acknowledgement => this.acknowledgement(dot, level)
    const met = (): Acknowledgement | undefined => {
      const found = now()
      return found.isMet ? found : undefined
    }
    // The end of the store does not make a durable write a failed one either.
    this.#waits.until(
      met,
      timeoutMs,
      () => ({ ok: true, value: now() }),
      () => done({ ok: true, value: now() }),
    )
  }

  /** Waits until a search here finds everything that `target` covers. `TIMEOUT` names who is missing and how much of it. */
  covered(target: VersionVector, timeoutMs: number, done: Done<VersionVector>): void {
    this.#covered(target, timeoutMs, done, this.parts.indexed)
  }

  #covered(
    target: VersionVector,
    timeoutMs: number,
    done: Done<VersionVector>,
    holds: () => VersionVector = this.parts.indexed,
  ): void {
    const met = (): VersionVector | undefined => {
      const held = holds()
      return held.dominates(target) ? held : undefined
    }
    this.#waits.until(met, timeoutMs, () => ({ ok: false, error: this.#behind(target, timeoutMs, holds()) }), done)
  }

  /** Waits for anything else that vectors, acknowledgements or the views decide; see `Waits.until`. */
  when<T>(check: () => T | undefined, timeoutMs: number, late: () => StoreError, done: Done<T>): void {
    this.#waits.until(check, timeoutMs, () => ({ ok: false, error: late() }), done)
  }

  /**
   * Asks members what they have, now, until as many as `level` says have answered (this replica counts), and waits until all of
   * it can be found here. So it sees every write that was acknowledged by a quorum before it began. @throws StoreError as `needed`.
   *
   * @param holds  in place of what can be found: what reads by id show is enough for them (`durable`)
   */
  frontier(
    level: Level,
    timeoutMs: number,
    done: Done<VersionVector>,
    holds: () => VersionVector = this.parts.indexed,
  ): void {
    const needed = this.needed(level)
    if (needed <= 1) {
      this.#covered(this.parts.durable(), timeoutMs, done, holds)
      return
    }
    const isEnough = (answered: ReadonlyMap<ReplicaId, unknown>): boolean => {
      const members = this.parts.members()
      const wanted = typeof level === 'number' ? needed : countOf(level, members.length)
      return members.filter(({ replica }) => replica === this.parts.self || answered.has(replica)).length >= wanted
    }
    this.#asked(() => this.#others(), isEnough, timeoutMs, done, holds)
  }

  /**
   * Waits until nothing is missing here that any active member had `ageMs` ago. A region that cannot be heard makes it late:
   * what it has is not known.
   */
  fresherThan(ageMs: number, timeoutMs: number, done: Done<VersionVector>): void {
    const now = this.parts.timers.elapsedMs()
    const unknown = this.#others().filter(({ replica }) => !this.#isFresh(replica, now - ageMs))
    if (unknown.length === 0) {
      done({ ok: true, value: this.parts.indexed() })
      return
    }
    const isEnough = (answered: ReadonlyMap<ReplicaId, unknown>): boolean =>
      unknown.every(({ replica }) => answered.has(replica))
    this.#asked(() => unknown, isEnough, timeoutMs, done)
  }

  #isFresh(replica: ReplicaId, sinceMs: number): boolean {
    const indexed = this.parts.indexed()
    const heard = this.parts.peer(replica)?.heardDurable ?? []
    return heard.some(({ atMs, durable }) => atMs >= sinceMs && indexed.dominates(durable))
  }

  #asked(
    whom: () => readonly Member[],
    isEnough: (answered: ReadonlyMap<ReplicaId, unknown>) => boolean,
    timeoutMs: number,
    done: Done<VersionVector>,
    holds: () => VersionVector = this.parts.indexed,
  ): void {
    const { timers } = this.parts
    const question: Question = { askedAt: timers.elapsedMs(), answers: new Map() }
    const nonce = this.#nonce
    this.#nonce = (nonce + 1) >>> 0
    this.#questions.set(nonce, question)
    const silent = (): readonly Member[] => whom().filter(({ replica }) => !question.answers.has(replica))
    const ask = (): void => {
      if (!this.#questions.has(nonce)) return
      if (target === undefined) for (const { replica } of silent()) this.parts.ask(replica, nonce)
      else this.#askFor(question.answers)
      again = timers.after(ASK_AGAIN_MS, ask)
    }
    let again: Disposable | undefined
    let target: VersionVector | undefined
    const joined = (): VersionVector | undefined =>
      isEnough(question.answers)
        ? [...question.answers.values()].reduce((all, each) => all.join(each), this.parts.durable())
        : undefined
    const late = () => ({ ok: false as const, error: this.#unanswered(silent(), timeoutMs) })
    ask()
    this.#waits.until(joined, timeoutMs, late, (outcome) => {
      const end: Done<VersionVector> = (found) => {
        again?.[Symbol.dispose]()
        this.#questions.delete(nonce)
        done(found)
      }
      if (!outcome.ok) {
        end(outcome)
        return
      }
      target = outcome.value
      const leftMs = Math.max(0, timeoutMs - (timers.elapsedMs() - question.askedAt))
      this.#covered(target, leftMs, end, holds)
    })
  }

  /** What was answered and has not come: its writer may be gone, or the link with it. Who said to have it sends it. */
  #askFor(answers: ReadonlyMap<ReplicaId, VersionVector>): void {
    const durable = this.parts.durable()
    for (const [replica, has] of answers) if (!durable.dominates(has)) this.parts.need(replica, has)
  }

  /** A peer says what it has, in answer to a question of ours; what nobody waits for is passed over. */
  answered(peer: Peer, nonce: number, durable: VersionVector): void {
    const question = this.#questions.get(nonce)
    if (question === undefined) return
    question.answers.set(peer.replica, durable)
    peer.heardDurableAt(question.askedAt, durable)
    this.#waits.poke()
  }

  /** An acknowledgement came, or the own vectors went on. */
  changed(): void {
    this.#waits.poke()
  }

  /** Everything that waits is answered `SHUTTING_DOWN`. */
  close(): void {
    this.#waits.close()
  }

  /** As a crash: nothing is called back. */
  stop(): void {
    this.#waits.drop()
    this.#questions.clear()
  }

  #others(): readonly Member[] {
    return this.parts.members().filter(({ replica }) => replica !== this.parts.self)
  }

  #durableAt(replica: ReplicaId): VersionVector {
    if (replica === this.parts.self) return this.parts.durable()
    return this.parts.peer(replica)?.acked ?? VersionVector.ZERO
  }

  #behind(target: VersionVector, timeoutMs: number, held: VersionVector): StoreError {
    const missing = target
      .entries()
      .filter(([replica, seq]) => held.get(replica) < seq)
      .map(([replica, seq]) => `${seq - held.get(replica)} writes of ${this.#nameOf(replica)}`)
    return new StoreError(
      'TIMEOUT',
      `after ${timeoutMs} ms this region still lacks ${missing.join(', ')}; retry, raise timeout, or send meridian-allow-stale: true`,
    )
  }

  #unanswered(silent: readonly Member[], timeoutMs: number): StoreError {
    const names = silent.map(({ replica }) => this.#nameOf(replica)).join(', ')
    return new StoreError(
      'TIMEOUT',
      `after ${timeoutMs} ms there is no answer from ${names}; retry, raise timeout, or send meridian-allow-stale: true`,
    )
  }

  #nameOf(replica: ReplicaId): string {
    const region = this.parts.members().find((member) => member.replica === replica)?.region
    const peer = this.parts.peer(replica)
    const name = region ?? peer?.region
    if (name === undefined) return `replica ${replica}`
    if (replica === this.parts.self) return `region ${name}`
    if (peer?.heardAt === undefined) return `region ${name} (never heard)`
    const link = peer.session === undefined ? 'link down, ' : ''
    return `region ${name} (${link}last heard ${Math.round(this.parts.timers.elapsedMs() - peer.heardAt)} ms ago)`
  }
}
