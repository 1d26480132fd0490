import type { DataPlane } from './data-plane.js'
import type { LocalClock } from './local-clock.js'
import type { Sequencer } from './sequencer.js'

/** Lets writes show whose stamps were ahead of the clock, once their time has come. The clock is durably past them first. */
export class DueStamps {
  #isReleasing = false

  constructor(
    readonly data: DataPlane,
    readonly clock: LocalClock,
    readonly sequencer: Sequencer,
    /** They entered the views. */
    readonly released: () => void,
  ) {}

  /** To be called often: queues a release unless nothing is due, or one is under way. */
  step(): void {
    if (this.#isReleasing || this.data.newestDueMs(this.clock.horizonMs) === 0) return
    this.#isReleasing = true
    this.sequencer.push({
      bytes: 0,
      stage: (stage) => {
        const dueMs = this.data.newestDueMs(this.clock.horizonMs)
        this.clock.observe(dueMs)
        this.clock.stage(stage)
        stage.durable.push(() => {
          this.#isReleasing = false
          this.data.release(dueMs)
          this.released()
        })
      },
      failed: () => {
        this.#isReleasing = false
      },
    })
  }
}
