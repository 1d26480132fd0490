import { totalmem } from 'node:os'
import { isSparse, numbersOf, StoreError } from '@meridian/core'
import type { Collection } from '@meridian/replica'
import { memoryUsed } from '../intake/memory-use.js'
import { strictError } from './strict-errors.js'
import type { StrictConfig } from './strict-settings.js'

/** Bytes, estimated. */
export interface StoredBytes {
  readonly vector: number
  readonly payload: number
}

interface Estimate {
  /** Of a record, on average. */
  readonly each: StoredBytes
  /** Records that there were. */
  readonly live: number
  usesLeft: number
}

const SAMPLE = 256
/** Records that are passed over at most for a sample. */
const PASSED_MAX = 16_384
/** Writes that one estimate serves: they may change records without one coming or going. */
const USES = 64
/** Nor does it serve once more than this share of the records came or went. */
const DRIFT_MAX = 0.1

/** Share of a resource that is in use, in percent; `undefined` when unknown. */
export type Usage = () => { readonly memory: number | undefined; readonly disk: number | undefined }

/** How much a collection and this process hold. */
export class Sizes {
  readonly #estimates = new WeakMap<Collection, Estimate>()

  constructor(readonly usage: Usage) {}

  /** Of the live records, from a sample that is spread over them; what cannot be read is left out of it. */
  of(collection: Collection): StoredBytes {
    const { liveCount } = collection
    let found = this.#estimates.get(collection)
    if (found === undefined || Math.abs(found.live - liveCount) > found.live * DRIFT_MAX || found.usesLeft-- <= 0) {
      found = estimate(collection)
      this.#estimates.set(collection, found)
    }
    return { vector: found.each.vector * liveCount, payload: found.each.payload * liveCount }
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
      const record = bytesOf(collection, ordinal)
      if (record !== undefined) {
        sampled++
        vector += record.vector
        payload += record.payload
      }
    }
    if (passed >= PASSED_MAX) break
  }
  const count = Math.max(1, sampled)
  return { each: { vector: vector / count, payload: payload / count }, live, usesLeft: USES }
}

/** `undefined` for a record of a damaged block, which is being fetched from peers: writes must not wait for it. */
const bytesOf = (collection: Collection, ordinal: number): StoredBytes | undefined => {
  try {
    let vector = 0
    for (const name of collection.vectorNames(ordinal)) {
      const value = collection.vector(ordinal, name)
      if (value !== undefined) vector += 4 * numbersOf(value).length * (isSparse(value) ? 2 : 1)
    }
    return { vector, payload: Buffer.byteLength(JSON.stringify(collection.payload(ordinal))) }
  } catch (error) {
    if (error instanceof StoreError) return undefined
    throw error
  }
}

/** What the process cannot give back, against what the machine, or the container, gives. */
export const memoryPercent = (used = memoryUsed()): number => {
  const limit = process.constrainedMemory?.() ?? 0
  const total = limit > 0 && limit < totalmem() ? limit : totalmem()
  return Math.floor((100 * used) / total)
}
