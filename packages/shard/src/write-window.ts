import type { PointId } from '@meridian/core'
import type { ConflictWatch, WatchedWrite } from './conflict-watch.js'

interface Slot {
  readonly watch: ConflictWatch
  readonly id: PointId
  readonly write: WatchedWrite
}

/** The newest writes of all watched views together, oldest out first: about 200 bytes each. */
export class WriteWindow {
  readonly #slots: (Slot | undefined)[] = []
  #next = 0

  /** @param writesMax above 0 */
  constructor(readonly writesMax: number) {}

  add(watch: ConflictWatch, id: PointId, write: WatchedWrite): void {
    const oldest = this.#slots[this.#next]
    oldest?.watch.forget(oldest.id, oldest.write)
    this.#slots[this.#next] = { watch, id, write }
    this.#next = (this.#next + 1) % this.writesMax
  }

  /** Lets go of a watch whose view is given up. */
  drop(watch: ConflictWatch): void {
    for (const [at, slot] of this.#slots.entries()) if (slot?.watch === watch) this.#slots[at] = undefined
  }
}
