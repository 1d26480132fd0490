import type { ContentMark, ReplicaId, Stamp } from '@meridian/core'

/** Where the bytes of one entry lie: in which row of the block table, and where in the block. */
export interface EntryRef {
  readonly row: number
  readonly offset: number
  readonly length: number
}

export const PRESENT = 1
export const ALIVE = 2
export const PATCHED = 4
const FIRST_CAPACITY = 64
const GROWTH = 1.5

/**
 * The newest put or delete of every slot in typed arrays: 32 bytes a slot, nothing for the garbage collector to walk. They
 * grow by half, so at most a third of them is spare.
 */
export class SlotColumns {
  #count = 0
  #ms = new Float64Array(FIRST_CAPACITY)
  #counter = new Uint16Array(FIRST_CAPACITY)
  #writer = new Uint8Array(FIRST_CAPACITY)
  #flags = new Uint8Array(FIRST_CAPACITY)
  #row = new Uint32Array(FIRST_CAPACITY)
  #offset = new Uint32Array(FIRST_CAPACITY)
  #length = new Uint32Array(FIRST_CAPACITY)
  #shape = new Uint32Array(FIRST_CAPACITY)
  #entries = new Uint32Array(FIRST_CAPACITY)
  /** Few records have one, unless a collection decides by it. */
  readonly #contents = new Map<number, ContentMark>()

  /** Slots ever added: the numbers in use are below. */
  get count(): number {
    return this.#count
  }

  add(): number {
    if (this.#count === this.#ms.length) this.#grow(Math.ceil(this.#count * GROWTH))
    return this.#count++
  }

  has(slot: number, flag: number): boolean {
    return (this.#flags[slot]! & flag) !== 0
  }

  setFlag(slot: number, flag: number, value: boolean): void {
    this.#flags[slot] = value ? this.#flags[slot]! | flag : this.#flags[slot]! & ~flag
  }

  /** `undefined` until the first put or delete. */
  stamp(slot: number): Stamp | undefined {
    if (!this.has(slot, PRESENT)) return undefined
    const content = this.#contents.get(slot)
    const stamp = { ms: this.#ms[slot]!, counter: this.#counter[slot]!, writer: this.#writer[slot]! as ReplicaId }
    return content === undefined ? stamp : { ...stamp, content }
  }

  setPresence(slot: number, stamp: Stamp, isAlive: boolean, shape: number): void {
    this.#ms[slot] = stamp.ms
    this.#counter[slot] = stamp.counter
    this.#writer[slot] = stamp.writer
    this.#shape[slot] = shape
    if (stamp.content !== undefined) this.#contents.set(slot, stamp.content)
    else this.#contents.delete(slot)
    this.setFlag(slot, PRESENT, true)
    this.setFlag(slot, ALIVE, isAlive)
  }

  /** Of the newest put or delete; only when there is one. */
  ref(slot: number): EntryRef {
    return { row: this.#row[slot]!, offset: this.#offset[slot]!, length: this.#length[slot]! }
  }

  setRef(slot: number, ref: EntryRef): void {
    this.#row[slot] = ref.row
    this.#offset[slot] = ref.offset
    this.#length[slot] = ref.length
  }

  /** How many entries of the slot's id lie in lanes: live, dead and deferred ones. */
  entries(slot: number): number {
    return this.#entries[slot]!
  }

  /** `by` more entries, or fewer. Returns how many there are then. */
  countEntries(slot: number, by: 1 | -1): number {
    this.#entries[slot]! += by
    return this.#entries[slot]!
  }

  /** Number of the list of vector names that the put has. */
  shape(slot: number): number {
    return this.#shape[slot]!
  }

  #grow(capacity: number): void {
    const grown = <T extends { set(from: T): void }>(next: T, from: T): T => {
      next.set(from)
      return next
    }
    this.#ms = grown(new Float64Array(capacity), this.#ms)
    this.#counter = grown(new Uint16Array(capacity), this.#counter)
    this.#writer = grown(new Uint8Array(capacity), this.#writer)
    this.#flags = grown(new Uint8Array(capacity), this.#flags)
    this.#row = grown(new Uint32Array(capacity), this.#row)
    this.#offset = grown(new Uint32Array(capacity), this.#offset)
    this.#length = grown(new Uint32Array(capacity), this.#length)
    this.#shape = grown(new Uint32Array(capacity), this.#shape)
    this.#entries = grown(new Uint32Array(capacity), this.#entries)
  }
}
