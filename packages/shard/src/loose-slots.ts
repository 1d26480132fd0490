import type { BlockTable } from './block-table.js'
import type { RecordStates } from './record-states.js'

/**
 * The slots whose ids no lane names, or whose states rest on blocks that left their lanes, and how they are let go: a round
 * begins (`collect`), takes what has been loose since (`due`, `letGo`), and gives back the numbers of ids that are gone (`free`).
 */
export class LooseSlots {
  constructor(
    readonly states: RecordStates,
    readonly blocks: BlockTable,
  ) {}

  get count(): number {
    return this.states.slots.looseCount
  }

  /**
   * Records among them of which something else may show once they are let go: live ones, of which what superseded them has not come,
   * waits for its time, or was forgotten; and those that lanes have more of, which may be below what is gone by this policy alone.
   */
  get orphanCount(): number {
    let count = 0
    for (const slot of this.states.slots.loose())
      if (this.#isStale(slot) && (this.states.isLive(slot) || this.states.entries(slot) > 0)) count++
    return count
  }

  collect(max: number): void {
    this.states.slots.collect(max)
  }

  due(max: number): number[] {
    return this.states.slots.due(max)
  }

  /**
   * Takes out of states what lies in no lane any more, and adds to `changed` the slots whose records that changed. Returns those
   * of which lanes have more than their states refer to: it must be folded again.
   */
  letGo(slots: readonly number[], changed: Set<number>): Set<number> {
    const uncovered = new Set<number>()
    for (const slot of slots) {
      const wasStale = this.#isStale(slot)
      if (this.states.forget(slot, ({ row }) => this.blocks.row(row).isDropped)) changed.add(slot)
      if (wasStale && this.states.entries(slot) > this.states.refs(slot).length) uncovered.add(slot)
    }
    return uncovered
  }

  /** Whether the id is gone, which it is if no lane names it. */
  free(slot: number): boolean {
    const isGone = this.states.entries(slot) === 0
    if (isGone) this.states.slots.free(slot)
    else this.states.slots.keep(slot)
    return isGone
  }

  /** The state rests on a block that left its lane. */
  #isStale(slot: number): boolean {
    return this.states.refs(slot).some(({ row }) => this.blocks.row(row).isDropped)
  }
}
