import type { SeededRandom } from '@meridian/core/seeded-random'
import { parseBlockKey } from '@meridian/shard'
import type { SimNode } from './sim-node.js'

const ROWS_MAX = 6

/**
 * The disk of one region rots: block rows that another region holds too fail their checksum, or are gone. The last block of each
 * client stays: that it is missing shows only as long as the log reaches back.
 */
export class Rot {
  /** Rows so far. */
  rows = 0
  readonly #victim: SimNode

  constructor(
    readonly nodes: readonly SimNode[],
    readonly random: SeededRandom,
    readonly trace: (node: string, text: string) => void,
    /** From which nothing can be repaired any more. */
    readonly lost: () => ReadonlySet<SimNode>,
  ) {
    this.#victim = random.pick(nodes)
  }

  step(): void {
    const { random } = this
    const { disk, region } = this.#victim
    const keys = disk.soundKeys('block/')
    const others = this.nodes.filter((node) => node !== this.#victim && !this.lost().has(node))
    for (let left = 1 + random.int(ROWS_MAX); left > 0 && keys.length > 0; left--) {
      const at = random.int(keys.length)
      const key = keys[at]!
      if (!others.some((node) => node.disk.peek(key) !== undefined)) continue
      const how = random.chance(0.4) ? 'missing' : 'checksum'
      if (how === 'missing' && !isSameClient(key, keys[at + 1])) continue
      keys.splice(at, 1)
      this.rows++
      this.trace(region, `${key} rots (${how})`)
      disk.rot(key, how)
    }
  }
}

const isSameClient = (key: string, next: string | undefined): boolean => {
  if (next === undefined) return false
  const [a, b] = [parseBlockKey(key), parseBlockKey(next)]
  return a.uid === b.uid && a.shard === b.shard && a.client === b.client
}
