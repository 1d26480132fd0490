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

  constructor(
    storage: Storage,
    readonly log: TransactionLog,
  ) {
    for (const [key, value] of storage.scan(PREFIX))
      this.#highest.set(Number.parseInt(key.slice(PREFIX.length), 16) as ReplicaId, new ByteReader(value).varuint())
  }

  /** A piece of state is staged, with blocks of transactions up to `seq`. */
  stage(stage: Stage, origin: ReplicaId, seq: number): void {
    const highest = Math.max(seq, this.#highest.get(origin) ?? 0)
    if (highest <= stage.vector.get(origin)) return
    stage.put(keyOf(origin), new ByteWriter().varuint(highest).finish())
    stage.durable.push(() => {
      this.#highest.set(origin, Math.max(highest, this.#highest.get(origin) ?? 0))
      this.#versions.set(origin, (this.#versions.get(origin) ?? 0) + 1)
    })
  }

  /** Grows with what is here beyond the vector, from 0 at each start; `undefined` when nothing is. */
  version(origin: ReplicaId): number | undefined {
    if ((this.#highest.get(origin) ?? 0) <= this.log.vector.get(origin)) return undefined
    return this.#versions.get(origin) ?? 0
  }

  /** Origins of which something is here beyond the vector. */
  origins(): ReplicaId[] {
    return [...this.#highest.keys()].filter((origin) => this.version(origin) !== undefined)
  }
}
