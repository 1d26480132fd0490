import { assert, isDense } from '@meridian/core'
import type { VectorIndex } from '@meridian/core'
import type { Replica } from '@meridian/replica'
import { machineMs } from './machine-ms.js'
import { records } from './records.js'

/** When each of a run of records, written elsewhere, came to be shown here, and found. */
export class Sightings {
  readonly #merged: number[] = []
  readonly #searchable: number[] = []
  readonly #watch: Disposable
  readonly #complete: Promise<void>

  constructor(replica: Replica, index: VectorIndex, collection: string, from: number, to: number) {
    const numbers = new Map(records(from, to).map(({ id }, i) => [id, i]))
    const found = replica.collection(collection)
    let left = to - from
    let complete: () => void
    let failed: (error: Error) => void
    this.#complete = new Promise((resolve, reject) => {
      complete = resolve
      failed = reject
    })
    // Told when it is asked for.
    this.#complete.catch(() => {})
    this.#watch = found.watch((id) => {
      const number = numbers.get(id)
      if (number === undefined || this.#merged[number] !== undefined) return
      this.#merged[number] = machineMs()
      const ordinal = found.find(id)!
      const vector = found.vector(ordinal, '')!
      assert(isDense(vector), 'records of the benchmark are dense')
      const search = async (): Promise<void> => {
        const [hit] = await index.search(found.space(''), { vector, limit: 1 })
        if (hit?.ordinal !== ordinal) throw new Error(`a search misses ${id}, which is merged`)
        this.#searchable[number] = machineMs()
        if (--left === 0) complete()
      }
      // Asked when the tick that shows the record is over, as any other search would be: what counts is when the answer holds it.
      queueMicrotask(() => void search().catch(failed))
    })
  }

  /** Once all are found. */
  async times(): Promise<readonly (readonly number[])[]> {
    await this.#complete
    this.#watch[Symbol.dispose]()
    return [this.#merged, this.#searchable]
  }
}
