import type { ByteReader, ByteWriter } from './bytes.js'
import { malformed } from './bytes.js'
import type { ReplicaId } from './ids.js'

/** The `seq`-th durable transaction of `replica`; the first is 1. */
export interface Dot {
  readonly replica: ReplicaId
  readonly seq: number
}

/**
 * Which transactions a replica holds: for each origin, all of them up to and including `seq`. Immutable; every guarantee of
 * the store is a comparison of two of these. An absent origin reads as 0.
 */
export class VersionVector {
  static readonly ZERO = new VersionVector(new Map())
  readonly #seqs: ReadonlyMap<ReplicaId, number>
  #entries: readonly (readonly [ReplicaId, number])[] | undefined

  private constructor(seqs: ReadonlyMap<ReplicaId, number>) {
    this.#seqs = seqs
  }

  static of(entries: Iterable<readonly [ReplicaId, number]>): VersionVector {
    return new VersionVector(new Map([...entries].filter(([, seq]) => seq > 0)))
  }

  get(replica: ReplicaId): number {
    return this.#seqs.get(replica) ?? 0
  }

  /** Ascending by replica. */
  entries(): readonly (readonly [ReplicaId, number])[] {
    this.#entries ??= [...this.#seqs].sort(([a], [b]) => a - b)
    return this.#entries
  }

  covers(dot: Dot): boolean {
    return this.get(dot.replica) >= dot.seq
  }

  /** Whether this holds everything that `other` holds. */
  dominates(other: VersionVector): boolean {
    for (const [replica, seq] of other.#seqs) if (this.get(replica) < seq) return false
    return true
  }

  equals(other: VersionVector): boolean {
    return this.dominates(other) && other.dominates(this)
  }

  /** With `replica` at `seq` or higher. */
  advance(replica: ReplicaId, seq: number): VersionVector {
    if (seq <= this.get(replica)) return this
    return new VersionVector(new Map(this.#seqs).set(replica, seq))
  }

  /** What both together hold. */
  join(other: VersionVector): VersionVector {
    let joined: VersionVector = this
    for (const [replica, seq] of other.#seqs) joined = joined.advance(replica, seq)
    return joined
  }

  /** What each of the two holds. */
  meet(other: VersionVector): VersionVector {
    return VersionVector.of(
      [...this.#seqs].map(([replica, seq]) => [replica, Math.min(seq, other.get(replica))] as const),
    )
  }

  /** Plain form for answers and logs: replica number to seq. */
  toJSON(): Record<string, number> {
    return Object.fromEntries(this.entries())
  }

  write(out: ByteWriter): void {
    const entries = this.entries()
    out.varuint(entries.length)
    for (const [replica, seq] of entries) out.u8(replica).varuint(seq)
  }

  /** @throws StoreError `DECODE_FAILED` unless origins ascend and no seq is 0: each vector has one encoding. */
  static read(input: ByteReader): VersionVector {
    const count = input.varuint(255)
    const seqs = new Map<ReplicaId, number>()
    let last = 0
    for (let i = 0; i < count; i++) {
      const replica = input.u8()
      if (replica <= last) throw malformed('version vector out of order')
      const seq = input.varuint()
      if (seq === 0) throw malformed('version vector with seq 0')
      seqs.set(replica as ReplicaId, seq)
      last = replica
    }
    return new VersionVector(seqs)
  }
}
