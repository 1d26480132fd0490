import {
  type ContentMark,
  decodeEntryPayload,
  decodeEntryVector,
  formatStamp,
  type JsonObject,
  type PointId,
  type Stamp,
  type StampOrder,
  setOwn,
  type VectorValue,
} from '@meridian/core'
import type { FoldedBlocks } from './folded-blocks.js'
import { type Contribution, contributionsOf } from './history.js'
import { patchCells } from './patch-state.js'
import { RecordStates } from './record-states.js'

export interface DigestReader {
  root(): string
  leaf(index: number): string
}

/**
 * What the folded blocks say of each record: read, never changed here. Stamps and names come from memory. A value is read from
 * the block that it lies in; every such method throws what the reading of a block throws.
 */
export class RecordView {
  protected readonly states: RecordStates

  constructor(
    protected readonly blocks: FoldedBlocks,
    readonly order: StampOrder,
  ) {
    this.states = new RecordStates(blocks, order)
  }

  /** The slot of an id that some entry named, live or not. */
  find(id: PointId): number | undefined {
    return this.states.slots.find(id)
  }

  id(slot: number): PointId {
    return this.states.id(slot)
  }

  isLive(slot: number): boolean {
    return this.states.isLive(slot)
  }

  get liveCount(): number {
    return this.states.live
  }

  /** Ids whose newest put or delete is a delete. */
  get tombstoneCount(): number {
    return this.states.tombstones
  }

  /** Slots that ever stood for an id; each is below. */
  get slotCount(): number {
    return this.states.slotCount
  }

  /** Ascending. */
  *liveSlots(): Iterable<number> {
    for (let slot = 0; slot < this.states.slotCount; slot++) if (this.states.isLive(slot)) yield slot
  }

  get digest(): DigestReader {
    return this.states.digest
  }

  /** What the digest has of a live record: 16 hex digits; `undefined` for one that is not live. */
  liveHash(slot: number): string | undefined {
    return this.states.hash(slot)?.toString()
  }

  /** Of the newest put or delete; `undefined` when only patches have come. */
  stamp(slot: number): Stamp | undefined {
    return this.states.stamp(slot)
  }

  /** Of the write that a new one of the record would have to win over. */
  newestContent(slot: number): ContentMark | undefined {
    let newest = this.states.stamp(slot)
    const patch = this.states.patch(slot)
    if (patch !== undefined)
      for (const { stamp } of patchCells(patch))
        if (newest === undefined || this.order(stamp, newest) > 0) newest = stamp
    return newest?.content
  }

  /** The transaction number (of its own replica) of the block with the newest write of the record; 0 without any. */
  newestSeq(slot: number): number {
    if (this.states.patch(slot) !== undefined) return this.history(slot)[0]!.seq
    const presence = this.states.presence(slot)
    return presence === undefined ? 0 : this.blocks.row(presence.row).seq
  }

  /** The writes that make up the state of an id, newest first. */
  history(slot: number): Contribution[] {
    const stamp = this.stamp(slot)
    const presence = stamp && { stamp, ref: this.states.presence(slot)!, isAlive: this.isLive(slot) }
    return contributionsOf(presence, this.states.patch(slot), this.blocks, this.order)
  }

  /** Text that changes with every write that the state of an id is made of; empty without any. */
  stateVersion(slot: number): string {
    return this.history(slot)
      .map(({ what, name, stamp }) => `${what}${name ?? ''}${formatStamp(stamp)}`)
      .join()
  }

  /** A fresh object; empty for a record that is not live. */
  payload(slot: number): JsonObject {
    if (!this.isLive(slot)) return {}
    const patch = this.states.patch(slot)
    const payload = patch?.cleared === undefined ? decodeEntryPayload(this.#put(slot)) : {}
    for (const [key, cell] of patch?.payload ?? []) {
      if (cell.isRemoved) delete payload[key]
      else setOwn(payload, key, decodeEntryPayload(this.blocks.entry(cell.ref))[key]!)
    }
    return payload
  }

  /** Fresh arrays; `undefined` for a record that is not live or has no such vector. */
  vector(slot: number, name: string): VectorValue | undefined {
    if (!this.isLive(slot)) return undefined
    const cell = this.states.patch(slot)?.vectors.get(name)
    if (cell?.isRemoved) return undefined
    return decodeEntryVector(cell === undefined ? this.#put(slot) : this.blocks.entry(cell.ref), name)
  }

  vectorNames(slot: number): string[] {
    if (!this.isLive(slot)) return []
    const put = this.states.putVectors(slot)
    const patched = this.states.patch(slot)?.vectors
    if (patched === undefined) return [...put]
    const names = new Set(put)
    for (const [name, cell] of patched) {
      if (cell.isRemoved) names.delete(name)
      else names.add(name)
    }
    return [...names]
  }

  /** Text that changes when the vector does: the formatted stamp of its newest write. Reads no block. */
  vectorVersion(slot: number, name: string): string | undefined {
    if (!this.isLive(slot)) return undefined
    const cell = this.states.patch(slot)?.vectors.get(name)
    if (cell !== undefined) return cell.isRemoved ? undefined : formatStamp(cell.stamp)
    return this.states.putVectors(slot).includes(name) ? formatStamp(this.stamp(slot)!) : undefined
  }

  /** The encoded entries that the state of an id refers to, and the document that each lies in. */
  entriesOf(slot: number): { readonly doc: number; readonly bytes: Uint8Array }[] {
    return this.states
      .refs(slot)
      .map((ref) => ({ doc: this.blocks.row(ref.row).ref.doc, bytes: this.blocks.entry(ref) }))
  }

  /** The bytes of the put of a live record. */
  #put(slot: number): Uint8Array {
    return this.blocks.entry(this.states.presence(slot)!)
  }
}
