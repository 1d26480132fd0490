import {
  type Block,
  clientIdOf,
  type Entry,
  encodeBlock,
  encodeEntry,
  type PointId,
  type ReplicaId,
  type Stamp,
  VersionVector,
} from '@meridian/core'
import type { BlockSource } from './stored-content.js'

/** Builders that the tests of this package share. */

export const replica = (value: number): ReplicaId => value as ReplicaId
export const client = (of: number, boot = 1): number => clientIdOf(replica(of), boot)
export const stamp = (ms: number, writer: number, counter = 0): Stamp => ({ ms, counter, writer: replica(writer) })

export const put = (id: PointId, at: Stamp, value: number | string = 1): Entry => ({
  kind: 'put',
  id,
  stamp: at,
  vectors: new Map([['', Float32Array.of(at.ms, at.writer)]]),
  payload: { value },
})

export const del = (id: PointId, at: Stamp): Entry => ({ kind: 'delete', id, stamp: at })

export const patch = (id: PointId, at: Stamp, set: Record<string, number>, clear = false): Entry => ({
  kind: 'patch',
  id,
  stamp: at,
  clear,
  set,
  unset: [],
  vectors: new Map(),
  dropVectors: [],
})

export const block = (seq: number, entries: readonly Entry[], extra: Partial<Block> = {}): Uint8Array =>
  encodeBlock({ seq, seen: VersionVector.ZERO, moved: false, entries: entries.map(encodeEntry), ...extra })

/** Stands for storage: bytes by client and clock. */
export class MemoryBlocks implements BlockSource {
  readonly #bytes = new Map<string, Uint8Array>()

  set(client: number, clock: number, bytes: Uint8Array): void {
    this.#bytes.set(`${client}:${clock}`, bytes)
  }

  delete(client: number, clock: number): void {
    this.#bytes.delete(`${client}:${clock}`)
  }

  read(client: number, clock: number): Uint8Array {
    const bytes = this.#bytes.get(`${client}:${clock}`)
    if (bytes === undefined) throw new Error(`no block ${client}:${clock}`)
    return bytes
  }
}

/** Seeded generator (xorshift32), so that a failing run can be repeated. */
export class SeededRandom {
  #state: number

  constructor(seed: number) {
    this.#state = (Math.imul(seed, 0x9e3779b1) ^ 0x85ebca6b) >>> 0 || 1
  }

  uint32(): number {
    let x = this.#state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.#state = x >>> 0
    return this.#state
  }

  /** 0 to `end - 1`. */
  below(end: number): number {
    return this.uint32() % end
  }

  chance(probability: number): boolean {
    return this.uint32() < probability * 2 ** 32
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!
  }

  shuffled<T>(items: Iterable<T>): T[] {
    const all = [...items]
    for (let i = all.length - 1; i > 0; i--) {
      const j = this.below(i + 1)
      ;[all[i], all[j]] = [all[j]!, all[i]!]
    }
    return all
  }
}
