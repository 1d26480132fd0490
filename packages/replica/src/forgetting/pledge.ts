import type { ReplicaId, VersionVector } from '@meridian/core'

/** A replica's word: every transaction of its own after `seq` has stamps later than `ms`, restarts included. */
export interface Pledge {
  readonly seq: number
  readonly ms: number
}

/**
 * What peers have pledged. A pledge counts once all of its giver's transactions up to its `seq` are here: then all that it ever
 * stamped up to `ms` is.
 */
export class Pledges {
  readonly #waiting = new Map<ReplicaId, Pledge>()
  readonly #floors = new Map<ReplicaId, number>()

  /** Pledges may come late, twice and in any order. */
  heard(from: ReplicaId, pledge: Pledge, held: VersionVector): void {
    this.#settle(from, held)
    if (pledge.ms <= this.floorMs(from, held)) return
    // The newest word is of no use while its giver writes faster than we hear: the one before it comes true first.
    const waiting = this.#waiting.get(from)
    if (waiting === undefined || pledge.seq <= held.get(from)) this.#waiting.set(from, pledge)
    this.#settle(from, held)
  }

  /** Everything that a replica stamped up to here is held; 0 before any pledge. */
  floorMs(from: ReplicaId, held: VersionVector): number {
    this.#settle(from, held)
    return this.#floors.get(from) ?? 0
  }

  #settle(from: ReplicaId, held: VersionVector): void {
    const waiting = this.#waiting.get(from)
    if (waiting === undefined || waiting.seq > held.get(from)) return
    this.#waiting.delete(from)
    this.#floors.set(from, Math.max(waiting.ms, this.#floors.get(from) ?? 0))
  }
}
