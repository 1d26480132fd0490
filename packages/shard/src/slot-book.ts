import { assert, type PointId } from '@meridian/core'

/**
 * Which number stands for which id, and which ids rest on blocks that left their lanes.
 *
 *   in use ──a block left──► loose ──`collect`──► due ──`free`──► resting ──`collect`──► free
 *      ▲                       ▲                   │ │                                    │
 *      │                       └──an entry came────┘ │                                    │
 *      ├──────────────────────────`keep`─────────────┘                                    │
 *      └───────────────────────────────────── `take` ◄────────────────────────────────────┘
 *
 * A number rests for one round before another id gets it: answers of the index that were under way name nobody else.
 */
export class SlotBook {
  readonly #slots = new Map<PointId, number>()
  readonly #ids: (PointId | undefined)[] = []
  readonly #loose = new Set<number>()
  readonly #due = new Set<number>()
  #resting: number[] = []
  #free: number[] = []

  find(id: PointId): number | undefined {
    return this.#slots.get(id)
  }

  id(slot: number): PointId {
    const id = this.#ids[slot]
    assert(id !== undefined, `slot ${slot} stands for an id`)
    return id
  }

  isUsed(slot: number): boolean {
    return this.#ids[slot] !== undefined
  }

  /** A number for an id that has none; `add` makes one when none is free. */
  take(id: PointId, add: () => number): number {
    const slot = this.#free.pop() ?? add()
    this.#slots.set(id, slot)
    this.#ids[slot] = id
    return slot
  }

  /** No lane names the slot's id any more, or its state rests on a block that left its lane. */
  loosen(slot: number): void {
    if (!this.#due.has(slot)) this.#loose.add(slot)
  }

  /** An entry of the slot's id came: what is due must wait for another round. */
  touch(slot: number): void {
    if (this.#due.size > 0 && this.#due.delete(slot)) this.#loose.add(slot)
  }

  /** What was due is in use again. */
  keep(slot: number): void {
    this.#due.delete(slot)
  }

  /** Loose and due slots. */
  get looseCount(): number {
    return this.#loose.size + this.#due.size
  }

  *loose(): Iterable<number> {
    yield* this.#loose
    yield* this.#due
  }

  /** Begins a round: what is loose becomes due, at most `max`; what was resting becomes free. */
  collect(max: number): void {
    this.#free.push(...this.#resting)
    this.#resting = []
    for (const slot of this.#loose) {
      if (this.#due.size >= max) return
      this.#loose.delete(slot)
      this.#due.add(slot)
    }
  }

  /** At most `max` of what is due. */
  due(max: number): number[] {
    const slots: number[] = []
    for (const slot of this.#due) {
      if (slots.length === max) break
      slots.push(slot)
    }
    return slots
  }

  free(slot: number): void {
    assert(this.#due.delete(slot), `slot ${slot} is due`)
    this.#slots.delete(this.id(slot))
    this.#ids[slot] = undefined
    this.#resting.push(slot)
  }
}
