import type { Collection } from '@meridian/replica'

/** What takes room of the budget as long as it is there. */
export interface Held {
  /** Bytes it takes now. */
  readonly bytes: number
}

const budgets = new WeakMap<Collection, PayloadBudget>()

/**
 * The bytes that the payload indexes of all collections of a region may take together. An index that goes with its collection
 * gives its room back when it is collected, as its memory does.
 */
export class PayloadBudget {
  readonly #held = new Set<WeakRef<Held>>()

  constructor(readonly bytesMax: number) {}

  /** That of the collection's region; without a bound where no region was told of it. */
  static of(collection: Collection): PayloadBudget {
    return budgets.get(collection) ?? UNBOUNDED
  }

  /** Counts the collection's indexes here. */
  adopt(collection: Collection): Collection {
    if (!budgets.has(collection)) budgets.set(collection, this)
    return collection
  }

  get bytes(): number {
    let bytes = 0
    for (const ref of this.#held) {
      const held = ref.deref()
      if (held === undefined) this.#held.delete(ref)
      else bytes += held.bytes
    }
    return bytes
  }

  get isOver(): boolean {
    return this.bytes > this.bytesMax
  }

  hold(held: Held): void {
    this.#held.add(new WeakRef(held))
  }
}

const UNBOUNDED = new PayloadBudget(Number.POSITIVE_INFINITY)
