import { type Storage, type StorageOp, StoreError } from '@meridian/core'
import type { SeededRandom } from '@meridian/core/seeded-random'
import type { VirtualTime } from './virtual-time.js'

export interface DiskFaults {
  readonly syncMinMs: number
  readonly syncMaxMs: number
}

/** What became durable, in order; the oracle reads along. */
export type DurableListener = (ops: readonly StorageOp[]) => void

/**
 * A disk that survives the process. A commit becomes durable after a while; a crash before that loses it, or keeps it whole
 * without anybody having been told.
 */
export class SimDisk {
  readonly #rows = new Map<string, Uint8Array>()
  /** The keys of all rows, ascending. */
  #sorted: string[] = []
  #pending: { readonly ops: readonly StorageOp[]; readonly finish: () => void }[] = []
  /** Rows that fail their checksum, or are gone though nobody deleted them. */
  readonly #damaged = new Set<string>()
  #session = 0
  /** Commits that a crash found on their way: lost, or kept though nobody was told. */
  tails = 0
  /** Commits are refused with `STORAGE_FULL`. */
  isFull = false
  /** Told of each commit when it begins. */
  onCommit: ((ops: readonly StorageOp[]) => void) | undefined

  constructor(
    readonly time: VirtualTime,
    readonly random: SeededRandom,
    readonly faults: DiskFaults,
    readonly onDurable: DurableListener,
  ) {}

  /** The port for one process; an earlier one's is dead from now on. */
  mount(): Storage {
    const session = ++this.#session
    const isDead = (): boolean => session !== this.#session
    return {
      get: (key) => this.#read(key),
      keys: (prefix, options) => this.#keys(prefix, options),
      scan: (prefix, options) => this.#keys(prefix, options).map((key) => [key, this.#read(key)!] as const),
      commit: (ops, done) => {
        if (this.isFull) {
          this.time.at(
            this.faults.syncMinMs,
            () => !isDead() && done(new StoreError('STORAGE_FULL', 'no space left on device')),
          )
          return
        }
        this.onCommit?.(ops)
        const entry = { ops: [...ops], finish: () => !isDead() && done() }
        this.#pending.push(entry)
        const { syncMinMs, syncMaxMs } = this.faults
        this.time.at(syncMinMs + this.random.float() * (syncMaxMs - syncMinMs), () => {
          if (isDead()) return
          // In the order of the calls: what is before it in the queue is flushed with it.
          while (this.#pending.includes(entry)) {
            const next = this.#pending.shift()!
            this.#apply(next.ops)
            next.finish()
          }
        })
      },
      close: async () => {},
    }
  }

  /** Power is lost: of what was not flushed, a prefix may have reached the platter. */
  crash(): void {
    this.#session++
    this.tails += this.#pending.length
    const kept = this.random.int(this.#pending.length + 1)
    for (const { ops } of this.#pending.slice(0, kept)) this.#apply(ops)
    this.#pending = []
  }

  #read(key: string): Uint8Array | undefined {
    const value = this.#rows.get(key)
    if (value !== undefined && this.#damaged.has(key))
      throw new StoreError('STORAGE_CORRUPT', `stored value of ${key} is damaged: the checksum does not match`)
    return value
  }

  #apply(ops: readonly StorageOp[]): void {
    for (const op of ops) {
      if (this.#damaged.size > 0)
        if (op.type !== 'deletePrefix') this.#damaged.delete(op.key)
        else for (const key of this.#damaged) if (key.startsWith(op.prefix)) this.#damaged.delete(key)
      if (op.type === 'put') {
        if (!this.#rows.has(op.key)) this.#sorted.splice(lowerBound(this.#sorted, op.key), 0, op.key)
        this.#rows.set(op.key, op.value)
      } else if (op.type === 'delete') this.#remove(op.key)
      else {
        const [first, end] = this.#range(op.prefix)
        for (const key of this.#sorted.splice(first, end - first)) this.#rows.delete(key)
      }
    }
    this.onDurable(ops)
  }

  #remove(key: string): void {
    if (this.#rows.delete(key)) this.#sorted.splice(lowerBound(this.#sorted, key), 1)
  }

  /** Where the keys that begin with `prefix` and are not below `from` stand; the end is exclusive. */
  #range(prefix: string, from = prefix): [number, number] {
    const first = lowerBound(this.#sorted, from > prefix ? from : prefix)
    return [first, lowerBound(this.#sorted, `${prefix}\uffff`, first)]
  }

  #keys(prefix: string, options: { from?: string; reverse?: boolean; limit?: number } = {}): string[] {
    const { from, reverse = false, limit = Number.POSITIVE_INFINITY } = options
    const [first, end] = this.#range(prefix, from)
    const count = Math.max(0, Math.min(limit, end - first))
    return reverse ? this.#sorted.slice(end - count, end).reverse() : this.#sorted.slice(first, first + count)
  }

  /** Keys of rows that are sound. */
  soundKeys(prefix: string): string[] {
    return this.#keys(prefix).filter((key) => !this.#damaged.has(key))
  }

  /** Rows that were damaged and not written again since. */
  get damagedCount(): number {
    return this.#damaged.size
  }

  /** A row rots: its checksum fails from now on, or it is not there any more. */
  rot(key: string, how: 'checksum' | 'missing'): void {
    this.#damaged.add(key)
    if (how === 'missing') this.#remove(key)
  }

  rows(prefix: string): (readonly [string, Uint8Array])[] {
    return this.#keys(prefix).map((key) => [key, this.#rows.get(key)!] as const)
  }

  /** Reads a row as an operator with a hex editor would. */
  peek(key: string): Uint8Array | undefined {
    return this.#rows.get(key)
  }

  /** Overwrites a row behind everybody's back. */
  poke(key: string, value: Uint8Array): void {
    if (!this.#rows.has(key)) throw new StoreError('INTERNAL', `no row ${key}`)
    this.#rows.set(key, value)
  }
}

const lowerBound = (sorted: readonly string[], key: string, from = 0): number => {
  let low = from
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sorted[middle]! < key) low = middle + 1
    else high = middle
  }
  return low
}
