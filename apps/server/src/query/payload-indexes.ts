import { PayloadIndex } from '@meridian/index'
import { type Collection, type IndexSchema, StagedCollection } from '@meridian/replica'
import { PayloadBudget } from './payload-budget.js'

/** Bytes that the payload indexes of one collection may take; past them, or past the region's budget, its filters look at payloads. */
const BYTES_MAX = 256 * 1024 * 1024
/** How long filling an index keeps other work waiting. */
const SLICE_MS = 5
const CLOCK_EVERY = 64
/** After so long an index that met a damaged payload is filled anew. */
const AGAIN_MS = 60_000
/** How often one that found no room looks for some. */
const ROOM_MS = 1000
/** Changes between two looks at the region's budget. */
const LOOK_EVERY = 64

/**
 * The payload indexes of one collection, of one set of declarations: filled in slices from when the first filter asks, and told
 * of every change in the tick in which it becomes visible. Until it is full, it answers nothing.
 *
 *   filling → ready → given up; filling → given up
 */
class Kept {
  readonly #index: PayloadIndex
  readonly #watch: Disposable
  readonly #budget: PayloadBudget
  #state: 'filling' | 'ready' | 'given up' = 'filling'
  #changes = 0
  /** Bytes it came to before it was given up for want of room. */
  #needed: number | undefined
  #lookedMs = 0

  constructor(
    readonly collection: Collection,
    public declared: Collection['indexes'],
    readonly signature: string,
  ) {
    this.#index = new PayloadIndex(new Map(Array.from(declared, ([key, { type }]) => [key, type])), BYTES_MAX)
    this.#budget = PayloadBudget.of(collection)
    this.#budget.hold(this)
    this.#watch = collection.watch((_id, ordinal) => this.#take(ordinal))
    this.#fill(collection.ordinals()[Symbol.iterator]())
  }

  get ready(): PayloadIndex | undefined {
    return this.#state === 'ready' ? this.#index : undefined
  }

  /** Whether it was given up for want of room, so that filters look at payloads. */
  get isWithoutRoom(): boolean {
    return this.#needed !== undefined
  }

  get bytes(): number {
    return this.#state === 'given up' ? 0 : this.#index.bytes
  }

  giveUp(): void {
    this.#state = 'given up'
    this.#index.clear()
    this.#watch[Symbol.dispose]()
  }

  #take(ordinal: number): void {
    if (this.#state === 'given up') return
    try {
      if (this.collection.isLive(ordinal)) this.#index.set(ordinal, this.collection.payload(ordinal))
      else this.#index.remove(ordinal)
      if (this.#index.isFull) this.#giveRoom(BYTES_MAX)
      else if (++this.#changes % LOOK_EVERY === 0 && this.#budget.isOver) this.#giveRoom(this.#index.bytes)
    } catch {
      // A payload that cannot be read: who looks at it is told so. Once it was fetched from a peer the index may be whole again.
      this.giveUp()
      setTimeout(() => {
        if (kept.get(this.collection) === this) kept.delete(this.collection)
      }, AGAIN_MS).unref()
    }
  }

  #giveRoom(needed: number): void {
    this.#needed = needed
    this.giveUp()
  }

  /** Whether there is room by now for what it needed. What has outgrown a collection's own bound is not tried again. */
  findsRoom(): boolean {
    if (this.#needed === undefined || this.#needed >= BYTES_MAX) return false
    const nowMs = performance.now()
    if (nowMs - this.#lookedMs < ROOM_MS) return false
    this.#lookedMs = nowMs
    return this.#budget.bytes + this.#needed <= this.#budget.bytesMax
  }

  #fill(ordinals: Iterator<number>): void {
    const startedMs = performance.now()
    for (let count = 1; this.#state === 'filling'; count++) {
      const { done, value } = ordinals.next()
      if (done === true) {
        if (this.#budget.isOver) this.#giveRoom(this.#index.bytes)
        else this.#state = 'ready'
        return
      }
      this.#take(value)
      if (count % CLOCK_EVERY === 0 && performance.now() - startedMs > SLICE_MS) {
        setImmediate(() => this.#fill(ordinals)).unref()
        return
      }
    }
  }
}

const kept = new WeakMap<Collection, Kept>()

const signatureOf = (indexes: ReadonlyMap<string, IndexSchema>): string =>
  JSON.stringify(Array.from(indexes, ([key, { type }]) => [key, type]))

/** The collection's payload indexes as of this tick; `undefined` when none are declared, or while they are being filled. */
export const payloadIndexOf = (collection: Collection): PayloadIndex | undefined => {
  // What is staged shows in no index.
  if (collection instanceof StagedCollection) return undefined
  const known = kept.get(collection)
  if (known === undefined && collection.indexes.size === 0) return undefined
  if (known?.declared === collection.indexes && !known.findsRoom()) return known.ready
  const signature = signatureOf(collection.indexes)
  if (known?.signature === signature && known.declared !== collection.indexes) {
    known.declared = collection.indexes
    return known.ready
  }
  known?.giveUp()
  kept.delete(collection)
  if (collection.indexes.size === 0) return undefined
  const made = new Kept(collection, collection.indexes, signature)
  kept.set(collection, made)
  return made.ready
}

/** Whether the collection's indexes were given up because they, or those of the region, take too much memory. */
export const isWithoutRoom = (collection: Collection): boolean => kept.get(collection)?.isWithoutRoom ?? false
