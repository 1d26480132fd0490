import type { Storage, StorageOp } from '../ports.js'
import type { SeededRandom } from './seeded-random.js'

type Query = NonNullable<Parameters<Storage['scan']>[1]>

/** The contract of `Storage` in its plainest form, to hold adapters against: a map, sorted when asked. */
export class StorageTwin {
  readonly #values = new Map<string, Uint8Array>()

  apply(ops: readonly StorageOp[]): void {
    for (const op of ops) {
      if (op.type === 'put') this.#values.set(op.key, op.value)
      else if (op.type === 'delete') this.#values.delete(op.key)
      else for (const key of [...this.#values.keys()]) if (key.startsWith(op.prefix)) this.#values.delete(key)
    }
  }

  scan(
    prefix: string,
    { from = '', reverse = false, limit = Number.POSITIVE_INFINITY }: Query = {},
  ): [string, Uint8Array][] {
    const found = [...this.#values].filter(([key]) => key.startsWith(prefix) && key >= from)
    found.sort(([a], [b]) => (a < b ? -1 : 1))
    if (reverse) found.reverse()
    return found.slice(0, limit)
  }

  randomQuery(random: SeededRandom): [prefix: string, query: Query] {
    const query: Query = {}
    if (random.chance(0.5)) query.from = randomKey(random)
    if (random.chance(0.5)) query.reverse = random.chance(0.7)
    if (random.chance(0.5)) query.limit = random.int(6)
    return [randomKey(random).slice(0, random.int(4)), query]
  }
}

/** Keys of few letters, so that they share prefixes and meet one another often. */
const randomKey = (random: SeededRandom): string => {
  let key = random.pick(['a', 'b', '~'])
  while (random.chance(0.6)) key += random.pick(['a', 'b', '/', '!', '~'])
  return key
}

export const randomOps = (random: SeededRandom): StorageOp[] =>
  Array.from({ length: random.int(12) }, (): StorageOp => {
    const key = randomKey(random)
    if (random.chance(0.1)) return { type: 'deletePrefix', prefix: key }
    if (random.chance(0.25)) return { type: 'delete', key }
    return { type: 'put', key, value: Uint8Array.from({ length: random.int(40) }, () => random.int(256)) }
  })
