import type { DataPlane } from '../data-plane.js'
import type { Settings } from '../settings.js'

/** A step reads at most this much and one block more, so that it holds nobody up. */
const STEP_BYTES_MAX = 4 << 20
const STEP_BLOCKS_MAX = 512

/** Reads every block row from the disk once in `scrubMs`, a bounded slice a step; what is damaged is noted by the reading. */
export class Scrub {
  #at: { store: number; client: number; clock: number } = { store: 0, client: -1, clock: 0 }
  /** Complete passes over all rows in this run. */
  passes = 0

  constructor(
    readonly data: DataPlane,
    readonly settings: Pick<Settings, 'scrubMs' | 'maintenanceMs'>,
  ) {}

  step(): void {
    const { scrubMs, maintenanceMs } = this.settings
    const share = Math.ceil((this.data.blockBytes * maintenanceMs) / Math.max(scrubMs, maintenanceMs))
    let bytesLeft = Math.min(Math.max(share, 1), STEP_BYTES_MAX)
    const stores = this.data.stores()
    for (let blocksLeft = STEP_BLOCKS_MAX; bytesLeft > 0 && blocksLeft > 0; blocksLeft--) {
      const store = stores[this.#at.store]
      if (store === undefined) {
        this.#at = { store: 0, client: -1, clock: 0 }
        this.passes++
        return
      }
      const next = store.doc.blockAfter(this.#at.client, this.#at.clock)
      if (next === undefined) {
        this.#at = { store: this.#at.store + 1, client: -1, clock: 0 }
        continue
      }
      this.#at = { store: this.#at.store, client: next.client, clock: next.clock + 1 }
      bytesLeft -= store.probe(next.client, next.clock)
    }
  }
}
