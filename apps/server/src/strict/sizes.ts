import { totalmem } from 'node:os'
import { numbersOf, isSparse } from '@meridian/core'
import type { Collection } from '@meridian/replica'
import { strictError } from './strict-errors.js'
import type { StrictConfig } from './strict-settings.js'

/** Bytes, estimated. */
export interface StoredBytes {
  readonly vector: number
  readonly payload: number
}

interface Estimate extends StoredBytes {
  readonly live: number
  usesLeft: number
}

const SAMPLE = 256
/** Records that are passed over at most for a sample. */
const PASSED_MAX = 16_384
/** Writes that one estimate serves, unless records came or went meanwhile. */
const USES = 32

/** Share of a resource that is in use, in percent; `undefined` when unknown. */
export type Usage = () => { readonly memory: number | undefined; readonly disk: number | undefined }

/** How much a collection and this process hold. */
export class Sizes {
  readonly #estimates = new WeakMap<Collection, Estimate>()

  constructor(readonly usage: Usage) {}

  /** Of the live records, from a sample that is spread over them. */
  of(collection: Collection): StoredBytes {
    const known = this.#estimates.get(collection)
    if (known !== undefined && known.live === collection.liveCount && known.usesLeft-- > 0) return known
    const fresh = estimate(collection)
    this.#estimates.set(collection, fresh)
    return fresh
  }

  /** @throws StoreError `BAD_REQUEST` when a write would take what is already scarce. */
  checkProcess({ max_resident_memory_percent: memoryMax, max_disk_usage_percent: diskMax }: StrictConfig): void {
    if (memoryMax === undefined && diskMax === undefined) return
    const { memory, disk } = this.usage()
    if (memoryMax !== undefined && memory !== undefined && memory >= memoryMax)
      throw strictError(
        `Resident memory usage is at ${memory}% of total memory, exceeding the configured limit of ${memoryMax}%`,
        'Reduce memory usage (e.g. delete points or drop collections), or raise `max_resident_memory_percent` in the strict mode config of this collection.',
      )
    if (diskMax !== undefined && disk !== undefined && disk >= diskMax)
      throw strictError(
        `Disk usage is at ${disk}% of total disk space, exceeding the configured limit of ${diskMax}%`,
        'Free disk space (e.g. delete points or drop collections), or raise `max_disk_usage_percent` in the strict mode config of this collection.',
      )
  }
}

const estimate = (collection: Collection): Estimate => {
  const { liveCount: live } = collection
  const step = Math.max(1, Math.ceil(Math.min(live, PASSED_MAX) / SAMPLE))
  let [passed, sampled, vector, payload] = [0, 0, 0, 0]
  for (const ordinal of collection.ordinals()) {
    if (passed++ % step === 0) {
      sampled++
      payload += Buffer.byteLength(JSON.stringify(collection.payload(ordinal)))
      for (const name of collection.vectorNames(ordinal)) {
        const value = collection.vector(ordinal, name)!
        vector += 4 * numbersOf(value).length * (isSparse(value) ? 2 : 1)
      }
    }
    if (passed >= PASSED_MAX) break
  }
  const scale = sampled === 0 ? 0 : live / sampled
  return { live, vector: vector * scale, payload: payload * scale, usesLeft: USES }
}

/** Resident memory against what the machine, or the container, gives. */
export const memoryPercent = (): number => {
  const limit = process.constrainedMemory?.() ?? 0
  const total = limit > 0 && limit < totalmem() ? limit : totalmem()
  return Math.floor((100 * process.memoryUsage.rss()) / total)
}
