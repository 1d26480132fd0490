import { ByteReader, ByteWriter, type ReplicaId, type Storage } from '@meridian/core'
import type { Stage } from './stage.js'
import type { TransactionLog } from './transaction-log.js'

const PREFIX = 'partial/'
const keyOf = (origin: ReplicaId): string => PREFIX + origin.toString(16).padStart(2, '0')

/**
 * Of which origins a part of the state is here that the vector does not cover: a transfer that did not come to its end brought it.
 * As a rule the next transfer covers it. When the origin is lost nobody may be able to, and it is handed on as it is, to
 * all: what one region shows and others never hear of would be a divergence, and could bring back what they have forgotten.
 */
export class Leftovers {
  /** The highest transaction that a block here is of. */
  readonly #highest = new Map<ReplicaId, number>()
  readonly #versions = new Map<ReplicaId, number>()
  /** Of which a part came from somebody who may have it alone. */
  readonly #unvouched = new Set<ReplicaId>()

  constructor(
    storage: Storage,
    readonly log: TransactionLog,
  ) {
    for (const [key, value] of storage.scan(PREFIX)) {
      const origin = Number.parseInt(key.slice(PREFIX.length), 16) as ReplicaId
      const reader = new ByteReader(value)
      this.#highest.set(origin, reader.varuint())
      if (reader.remaining === 0 || reader.varuint() === 0) this.#unvouched.add(origin)
    }
  }

  /** A piece of state is staged, with blocks of transactions up to `seq`. `isVouched` as of `Departures`. */
  stage(stage: Stage, origin: ReplicaId, seq: number, isVouched: boolean): void {
    const before = this.version(origin) === undefined ? 0 : this.#highest.get(origin)!
    const highest = Math.max(seq, before)
    if (highest <= stage.vector.get(origin)) return
    const isAllVouched = isVouched && (before === 0 || !this.#unvouched.has(origin))
    stage.put(
      keyOf(origin),
      new ByteWriter()
        .varuint(highest)
        .varuint(isAllVouched ? 1 : 0)
        .finish(),
    )
    stage.durable.push(() => {
      if (isAllVouched) this.#unvouched.delete(origin)
      else this.#unvouched.add(origin)
      this.#highest.set(origin, Math.max(highest, this.#highest.get(origin) ?? 0))
      this.#versions.set(origin, (this.#versions.get(origin) ?? 0) + 1)
    })
  }

  /** Grows with what is here beyond the vector, from 0 at each start; `undefined` when nothing is. */
  version(origin: ReplicaId): number | undefined {
    if ((this.#highest.get(origin) ?? 0) <= this.log.vector.get(origin)) return undefined
    return this.#versions.get(origin) ?? 0
  }

  /** The highest transaction of which a part is here that the vector does not cover, and that others may not have; 0 if none. */
  unvouched(origin: ReplicaId): number {
    return this.version(origin) !== undefined && this.#unvouched.has(origin) ? this.#highest.get(origin)! : 0
  }

  /** Origins of which something is here beyond the vector. */
  origins(): ReplicaId[] {
    return [...this.#highest.keys()].filter((origin) => this.version(origin) !== undefined)
  }
}
