import { StoreError } from '@meridian/core'

/** Wrong keys an address may send at once, and how many more each second. */
const BURST = 30
const PER_SECOND = 1
/** Addresses that are remembered; past it those whose fault is oldest are forgotten. */
const ADDRESSES_MAX = 10_000

interface Bucket {
  left: number
  atMs: number
}

/**
 * Bounds how many wrong keys an address has answered as such. The right key is never held up: behind a proxy all clients share
 * one address, and one of them that is misconfigured must not lock the others out.
 */
export class WrongKeys {
  readonly #buckets = new Map<string, Bucket>()

  /** Notes a wrong key. @throws StoreError `RATE_LIMITED` past the bound. */
  note(address: string, nowMs: number): void {
    if (!this.admits(address, nowMs))
      throw new StoreError('RATE_LIMITED', 'Too many wrong keys from this address; try again later')
  }

  /** Notes a wrong key; `false` past the bound. */
  admits(address: string, nowMs: number): boolean {
    const known = this.#buckets.get(address) ?? { left: BURST, atMs: nowMs }
    const left = Math.min(BURST, known.left + (Math.max(0, nowMs - known.atMs) / 1000) * PER_SECOND)
    // Set anew, so that the map's order is that of the last fault.
    this.#buckets.delete(address)
    this.#buckets.set(address, { left: Math.max(0, left - 1), atMs: nowMs })
    if (this.#buckets.size > ADDRESSES_MAX) this.#buckets.delete(this.#buckets.keys().next().value!)
    return left >= 1
  }
}
