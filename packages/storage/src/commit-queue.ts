import { type StorageOp, StoreError } from '@meridian/core'
import { assertKey } from './key-range.js'

/** What a group of batches comes to: the last value of every key touched, `undefined` where it was deleted. */
export type Effects = Map<string, Uint8Array | undefined>

/** Where a group goes. */
export interface CommitTarget {
  /** Stored keys with `prefix`, ascending; asked for only while nothing is being written. */
  keys(prefix: string): Iterable<string>
  /** Makes all of `effects` durable and visible, or none. Rejects with a StoreError `STORAGE_FULL` or `STORAGE_FAILED`. */
  write(effects: Effects): Promise<void>
  /** The forms in which values are held until they are written; copies them. */
  seal(values: readonly Uint8Array[]): Uint8Array[]
}

interface Batch {
  readonly ops: readonly StorageOp[]
  readonly bytes: number
  readonly done: (error?: Error) => void
}

/** A group closes past this, so that one flush stays short; a larger batch goes alone. */
const GROUP_BYTES_MAX = 32 * 1024 * 1024

/**
 * Group commit: batches that arrive in one turn of the event loop, or while a flush is under way, share the next flush.
 *
 * 1. One group is written at a time; groups and their `done` calls keep the order of the commits.
 * 2. What is durable is always a prefix of the commits: a refused group takes with it every batch called before its refusal
 *    was known. Those called later start afresh after `STORAGE_FULL`.
 * 3. After `STORAGE_FAILED` nothing is written any more: a page that a failed flush lost may look clean to the next one.
 */
export class CommitQueue {
  readonly #target: CommitTarget
  #waiting: Batch[] = []
  #running: Promise<void> | undefined
  #failure: StoreError | undefined

  constructor(target: CommitTarget) {
    this.#target = target
  }

  commit(ops: readonly StorageOp[], done: (error?: Error) => void): void {
    const values: Uint8Array[] = []
    for (const op of ops) {
      if (op.type !== 'deletePrefix') assertKey(op.key)
      if (op.type === 'put') values.push(op.value)
    }
    const sealed = this.#target.seal(values)
    const bytes = sealed.reduce((sum, { length }) => sum + length, 0)
    let next = 0
    const held = ops.map((op): StorageOp => (op.type === 'put' ? { ...op, value: sealed[next++]! } : op))
    this.#waiting.push({ ops: held, bytes, done })
    this.#running ??= this.#run()
  }

  /** Resolves when every batch has had its answer. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running
  }

  async #run(): Promise<void> {
    await new Promise(setImmediate)
    while (this.#waiting.length > 0) {
      const group = this.#failure === undefined ? this.#nextGroup() : this.#waiting.splice(0)
      const error = this.#failure ?? (await this.#write(group))
      if (error !== undefined) group.push(...this.#waiting.splice(0))
      if (error?.code === 'STORAGE_FAILED') this.#failure = error
      for (const batch of group) queueMicrotask(() => batch.done(error))
      // Passes the answers: what they commit joins the next group, and an idle queue has given all of its answers.
      await new Promise(setImmediate)
    }
    this.#running = undefined
  }

  #nextGroup(): Batch[] {
    let count = 1
    let bytes = this.#waiting[0]?.bytes ?? 0
    for (const batch of this.#waiting.slice(1)) {
      bytes += batch.bytes
      if (bytes > GROUP_BYTES_MAX) break
      count++
    }
    return this.#waiting.splice(0, count)
  }

  async #write(group: readonly Batch[]): Promise<StoreError | undefined> {
    try {
      const effects = effectsOf(group, (prefix) => this.#target.keys(prefix))
      if (effects.size > 0) await this.#target.write(effects)
      return undefined
    } catch (error) {
      if (error instanceof StoreError && error.code === 'STORAGE_FULL') return error
      if (error instanceof StoreError && error.code === 'STORAGE_FAILED') return error
      return new StoreError('STORAGE_FAILED', error instanceof Error ? error.message : String(error), { cause: error })
    }
  }
}

const effectsOf = (group: readonly Batch[], stored: (prefix: string) => Iterable<string>): Effects => {
  const effects: Effects = new Map()
  for (const { ops } of group)
    for (const op of ops) {
      if (op.type === 'put') effects.set(op.key, op.value)
      else if (op.type === 'delete') effects.set(op.key, undefined)
      else {
        for (const key of effects.keys()) if (key.startsWith(op.prefix)) effects.set(key, undefined)
        for (const key of stored(op.prefix)) effects.set(key, undefined)
      }
    }
  return effects
}
