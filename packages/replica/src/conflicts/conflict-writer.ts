import type { Sequencer } from '../sequencer.js'
import type { ConflictRows } from './conflict-rows.js'

/** Makes durable, in the next commit, the conflicts that were found while one was folded. */
export class ConflictWriter {
  #isWriting = false

  constructor(
    readonly rows: ConflictRows,
    readonly sequencer: Sequencer,
  ) {}

  /** Queues what is pending, unless it is queued already. After a failure it stays pending for the next call. */
  step(): void {
    if (!this.rows.hasPending || this.#isWriting) return
    this.#isWriting = true
    const isOver = (): void => {
      this.#isWriting = false
    }
    this.sequencer.push({
      bytes: 0,
      stage: (stage) => {
        this.rows.stage(stage)
        stage.durable.push(isOver)
      },
      failed: isOver,
    })
  }
}
