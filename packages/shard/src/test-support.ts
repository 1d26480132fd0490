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
