import { SILENT_LOG } from '@meridian/core'
import hnswlib from 'hnswlib-node'
import { expect, test } from 'vitest'
import { ENGINE, Graph } from './graph.js'
import { type Addon, announce, engineOf, hasBit } from './native-graph.js'
import { clustered, randomOf } from './testing/data.js'

const SHAPE = { dims: 20, distance: 'l2', hnsw: { m: 16, efConstruct: 100 } } as const

const addon = hnswlib as unknown as Addon

/** Takes what the published addon takes, and nothing else. */
const stock: Addon = {
  HierarchicalNSW: class extends addon.HierarchicalNSW {
    override addPoint(point: readonly number[] | Float32Array, label: number): void {
      if (!Array.isArray(point)) throw new TypeError('Invalid the first argument type, must be an Array.')
      super.addPoint(point, label)
    }

    override searchKnn(
      point: readonly number[] | Float32Array,
      k: number,
      filter?: Uint8Array | ((label: number) => boolean),
    ): { readonly neighbors: ArrayLike<number> } {
      if (!Array.isArray(point)) throw new TypeError('Invalid the first argument type, must be an Array.')
      if (filter !== undefined && typeof filter !== 'function') throw new TypeError('Invalid the third argument type.')
      return super.searchKnn(point, k, filter)
    }
  },
}

const logged = (engine: typeof ENGINE): unknown[] => {
  const lines: unknown[] = []
  announce(engine, {
    ...SILENT_LOG,
    info: (fields, message) => lines.push('info', fields, message),
    warn: (fields, message) => lines.push('warn', fields, message),
  })
  return lines
}

test('[NA8] without the patch a graph finds the same, bits and deletions included', () => {
  const slow = engineOf(stock)
  expect(slow.kernel).toBeUndefined()
  const graphs = [Graph.create(SHAPE, slow), Graph.create(SHAPE, ENGINE)] as const
  const vectors = clustered(2500, 20, 9)
  const random = randomOf(10)
  const bits = new Uint8Array(Math.ceil(2500 / 8)).map(() => Math.floor(random() * 256))
  for (const graph of graphs) {
    for (const [i, vector] of vectors.entries()) expect(graph.add(vector)).toBe(i)
    for (let label = 0; label < 2500; label += 5) graph.markDead(label)
  }
  for (const query of vectors.slice(0, 50)) {
    for (const allowed of [undefined, bits]) {
      const [one, other] = graphs.map((graph) => Array.from(graph.search(query, 15, 60, allowed)))
      expect(one).toEqual(other)
      expect(one!.length).toBe(15)
      expect(one!.every((label) => label % 5 !== 0 && (allowed === undefined || hasBit(allowed, label)))).toBe(true)
    }
  }
})

test('[NA9] the log says which kernel is at work, or that the patch is missing', () => {
  expect(logged(ENGINE)).toEqual(['info', { kernel: hnswlib.simdKernel() }, 'hnswlib-node is patched'])
  expect(logged(engineOf(stock))).toEqual(['warn', {}, expect.stringContaining('not patched')])
})
