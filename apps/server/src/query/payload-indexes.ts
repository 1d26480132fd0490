import { PayloadIndex } from '@meridian/index'
import { type Collection, type IndexSchema, StagedCollection } from '@meridian/replica'

/** Bytes that the payload indexes of one collection may take; past them its filters look at payloads again. */
const BYTES_MAX = 256 * 1024 * 1024
/** How long filling an index keeps other work waiting. */
const SLICE_MS = 5
const CLOCK_EVERY = 64
/** After so long an index that met a damaged payload is filled anew. */
const AGAIN_MS = 60_000

/**
 * The payload indexes of one collection, of one set of declarations: filled in slices from when the first filter asks, and told
 * of every change in the tick in which it becomes visible. Until it is full, it answers nothing.
 *
 *   filling → ready → given up; filling → given up
 */
class Kept {
  readonly #index: PayloadIndex
  readonly #watch: Disposable
  #state: 'filling' | 'ready' | 'given up' = 'filling'

  constructor(
    readonly collection: Collection,
    public declared: Collection['indexes'],
    readonly signature: string,
  ) {
    this.#index = new PayloadIndex(new Map(Array.from(declared, ([key, { type }]) => [key, type])), BYTES_MAX)
    this.#watch = collection.watch((_id, ordinal) => this.#take(ordinal))
    this.#fill(collection.ordinals()[Symbol.iterator]())
  }

  get ready(): PayloadIndex | undefined {
    return this.#state === 'ready' ? this.#index : undefined
  }

  giveUp(): void {
    this.#state = 'given up'
    this.#watch[Symbol.dispose]()
  }

  #take(ordinal: number): void {
    if (this.#state === 'given up') return
    try {
      if (this.collection.isLive(ordinal)) this.#index.set(ordinal, this.collection.payload(ordinal))
      else this.#index.remove(ordinal)
      if (this.#index.isFull) this.giveUp()
    } catch {
      // A payload that cannot be read: who looks at it is told so. Once it was fetched from a peer the index may be whole again.
      this.giveUp()
      setTimeout(() => {
        if (kept.get(this.collection) === this) kept.delete(this.collection)
      }, AGAIN_MS).unref()
    }
  }

  #fill(ordinals: Iterator<number>): void {
    const startedMs = performance.now()
    for (let count = 1; this.#state === 'filling'; count++) {
      const { done, value } = ordinals.next()
      if (done === true) {
        this.#state = 'ready'
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
  if (known?.declared === collection.indexes) return known.ready
  const signature = signatureOf(collection.indexes)
  if (known?.signature === signature) {
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
