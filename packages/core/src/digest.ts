import { Hash64 } from './hash.js'
import type { Stamp } from './hlc.js'
import { hashId, type PointId } from './point-id.js'

export const DIGEST_LEAVES = 4096

/**
 * Incremental digest of a shard's live records: each record's 64-bit hash is XORed into the leaf its id falls in. Replicas
 * with the same live set and stamps have equal leaves, whatever the order of arrival; unequal leaves bound where they differ.
 */
export class Digest {
  readonly #high = new Uint32Array(DIGEST_LEAVES)
  readonly #low = new Uint32Array(DIGEST_LEAVES)
  /** Until the next change. */
  #root: string | undefined

  /** Adds a record that is not in, or takes out one that is: the same operation. */
  toggle(leaf: number, hash: Hash64): void {
    this.#root = undefined
    this.#high[leaf]! ^= hash.high
    this.#low[leaf]! ^= hash.low
  }

  leaf(index: number): string {
    return hex(this.#high[index]!, this.#low[index]!)
  }

  /** Over all leaves in order: 16 hex digits. */
  root(): string {
    if (this.#root !== undefined) return this.#root
    const hash = new Hash64()
    for (let i = 0; i < DIGEST_LEAVES; i++) hash.word(this.#high[i]!).word(this.#low[i]!)
    this.#root = hex(hash.high, hash.low)
    return this.#root
  }
}

const hex = (high: number, low: number): string =>
  high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0')

export const leafOf = (id: PointId): number => Math.floor(hashId(id) / 0x100000) % DIGEST_LEAVES

/** Starts the hash of one record: its id and the stamp of its put. Cells that differ from the put are added by the caller. */
export const recordHash = (id: PointId, put: Stamp): Hash64 =>
  hashStamp(new Hash64().text(typeof id === 'string' ? id : `#${id}`), put)

export const hashStamp = (hash: Hash64, stamp: Stamp): Hash64 =>
  hash
    .word(stamp.ms / 0x100000000)
    .word(stamp.ms)
    .word((stamp.counter << 8) | stamp.writer)
