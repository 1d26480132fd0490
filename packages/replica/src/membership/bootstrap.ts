import { type Storage, StoreError, VersionVector } from '@meridian/core'
import type { Stage } from '../stage.js'

const KEY = 'meta/bootstrapped'

/** How far a joining region is; `of` grows while its peers go on writing, bytes are about right. */
export interface BootstrapProgress {
  readonly isDone: boolean
  readonly writes: { readonly done: number; readonly of: number }
  readonly bytes: { readonly done: number; readonly of: number }
}

/**
 * Whether a joining region holds what its sponsor, the first active member that it linked with, held at that moment. Until then it
 * serves nobody: it would show records as absent that are only on their way. Once there it stays so, over restarts too; what
 * was received before an interruption is counted, since it is read off what is here.
 */
export class Bootstrap {
  #isDone: boolean
  #target: VersionVector | undefined
  #ofBytes = 0

  constructor(storage: Storage) {
    this.#isDone = storage.get(KEY) !== undefined
  }

  get isDone(): boolean {
    return this.#isDone
  }

  /** An active member linked: it holds `durable` now, in so many bytes of blocks. */
  sponsored(durable: VersionVector, blockBytes: number): void {
    this.#target ??= durable
    this.#ofBytes = Math.max(this.#ofBytes, blockBytes)
  }

  /** Whether the sponsor's frontier is covered, and that is not on disk yet. */
  isDue(merged: VersionVector): boolean {
    return !this.#isDone && this.#target !== undefined && merged.dominates(this.#target)
  }

  stage(stage: Stage): void {
    stage.put(KEY, new Uint8Array([1]))
    stage.durable.push(() => {
      this.#isDone = true
    })
  }

  progress(merged: VersionVector, blockBytes: number): BootstrapProgress {
    const target = this.#target ?? VersionVector.ZERO
    const of = target.entries().reduce((sum, [, seq]) => sum + seq, 0)
    const done = target.entries().reduce((sum, [origin, seq]) => sum + Math.min(seq, merged.get(origin)), 0)
    return {
      isDone: this.#isDone,
      writes: { done, of },
      bytes: { done: blockBytes, of: Math.max(blockBytes, this.#ofBytes) },
    }
  }

  /** Why nothing is served yet. */
  reason(region: string, merged: VersionVector, blockBytes: number): StoreError {
    const { writes, bytes } = this.progress(merged, blockBytes)
    const how =
      this.#target === undefined
        ? 'no active region is linked yet'
        : `${writes.done} of ${writes.of} transactions and ${bytes.done} of about ${bytes.of} bytes are here`
    return new StoreError('NOT_READY', `region ${region} is joining: ${how}; ask another region until it has caught up`)
  }
}
