import { type Storage, type StorageOp, StoreError } from '@meridian/core'
import { assertKey, type RangeOptions } from './key-range.js'
import { MemoryContents } from './memory-contents.js'

export interface MemoryStorageOptions {
  /** Runs a function later, once; called once per commit. Default: the end of the current task (`queueMicrotask`). */
  schedule?(run: () => void): void
  /** What is stored. Hand the same contents to a second storage, after closing the first, to reopen the data. */
  readonly contents?: MemoryContents
}

interface Batch {
  readonly ops: readonly StorageOp[]
  readonly done: (error?: Error) => void
}

/** Storage for tests: nothing is visible before its `done`, as on a disk, and nothing outlives the process. */
export class MemoryStorage implements Storage {
  readonly #contents: MemoryContents
  readonly #schedule: (run: () => void) => void
  readonly #waiting: Batch[] = []
  readonly #onIdle: (() => void)[] = []
  #closing: Promise<void> | undefined

  constructor({ schedule = queueMicrotask, contents = new MemoryContents() }: MemoryStorageOptions = {}) {
    this.#contents = contents
    this.#schedule = schedule
  }

  get(key: string): Uint8Array | undefined {
    return this.#contents.get(key)?.slice()
  }

  keys(prefix: string, options: RangeOptions = {}): Iterable<string> {
    return this.#contents.keys(prefix, options)
  }

  *scan(prefix: string, options: RangeOptions = {}): Generator<readonly [string, Uint8Array]> {
    for (const key of this.#contents.keys(prefix, options)) yield [key, this.#contents.get(key)!.slice()]
  }

  commit(ops: readonly StorageOp[], done: (error?: Error) => void): void {
    if (this.#closing !== undefined) {
      this.#schedule(() => done(new StoreError('STORAGE_FAILED', 'the storage is closed')))
      return
    }
    const copied = ops.map((op): StorageOp => {
      if (op.type !== 'deletePrefix') assertKey(op.key)
      return op.type === 'put' ? { ...op, value: op.value.slice() } : op
    })
    this.#waiting.push({ ops: copied, done })
    // The oldest batch, not this one: a schedule that shuffles its functions does not shuffle the batches.
    this.#schedule(() => this.#commitOldest())
  }

  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      if (this.#waiting.length === 0) resolve()
      else this.#onIdle.push(resolve)
    })
    return this.#closing
  }

  #commitOldest(): void {
    const batch = this.#waiting.shift()
    if (batch === undefined) return
    this.#contents.apply(batch.ops)
    try {
      batch.done()
    } finally {
      if (this.#waiting.length === 0) for (const run of this.#onIdle.splice(0)) run()
    }
  }
}
