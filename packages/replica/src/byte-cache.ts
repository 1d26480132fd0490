/**
 * Map bounded by the sum of its values' sizes, with second-chance eviction (CLOCK; Corbato, 1968): a read only marks its entry,
 * and an entry that was read since it was last looked at is spared once. A value larger than the bound is not kept.
 */
export class ByteCache<K, V> {
  readonly #entries = new Map<K, { readonly value: V; readonly bytes: number; isUsed: boolean }>()
  #bytes = 0
  /** Goes through the entries, oldest first: to begin anew at the first passes over all that were deleted since the map grew. */
  #hand: Iterator<readonly [K, { readonly value: V; readonly bytes: number; isUsed: boolean }]> | undefined

  constructor(readonly bytesMax: number) {}

  get(key: K): V | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    entry.isUsed = true
    return entry.value
  }

  set(key: K, value: V, bytes: number): void {
    this.delete(key)
    if (bytes > this.bytesMax) return
    this.#entries.set(key, { value, bytes, isUsed: false })
    this.#bytes += bytes
    while (this.#bytes > this.bytesMax) {
      this.#hand ??= this.#entries.entries()
      const next = this.#hand.next()
      if (next.done === true) {
        this.#hand = undefined
        continue
      }
      const [oldest, entry] = next.value
      this.#entries.delete(oldest)
      if (entry.isUsed) {
        entry.isUsed = false
        this.#entries.set(oldest, entry)
      } else this.#bytes -= entry.bytes
    }
  }

  delete(key: K): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    this.#entries.delete(key)
    this.#bytes -= entry.bytes
  }

  clear(): void {
    this.#entries.clear()
    this.#hand = undefined
    this.#bytes = 0
  }
}
