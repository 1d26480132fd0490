import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Quantization, VectorParams } from '@meridian/core'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { IndexHost } from './index-host.js'
import { clustered, paramsOf } from './testing/data.js'
import type { Changes, IndexReply, IndexRequest } from './worker-protocol.js'

const REF = { collection: 'c', vector: '' }
const VECTORS = clustered(3000, 8, 71)
let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'meridian-host-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

const paramsWith = (quantization?: Quantization): VectorParams => ({
  ...paramsOf(8, 'Euclid'),
  ...(quantization && { quantization }),
})
const CODES = paramsWith({ quantile: 1 })

const changes = (from: number, to: number): Changes => {
  const ordinals = Uint32Array.from({ length: to - from }, (_, i) => from + i)
  return {
    ordinals,
    ids: Array.from(ordinals, (ordinal) => `id-${ordinal}`),
    versions: Array.from(ordinals, () => 'v1'),
    vectors: Float32Array.from(VECTORS.slice(from, to).flatMap((vector) => [...vector])),
  }
}

/** A host without a thread, asked one thing at a time. */
class Asked {
  readonly replies: IndexReply[] = []
  readonly #heard = new Set<(reply: IndexReply) => void>()
  #ms = 0
  readonly host = new IndexHost(
    directory,
    (reply) => {
      this.replies.push(reply)
      for (const heard of this.#heard) heard(reply)
    },
    () => ++this.#ms,
    false,
  )

  answer<T extends IndexReply['type']>(type: T, request: IndexRequest): Promise<Extract<IndexReply, { type: T }>> {
    return new Promise((resolve) => {
      const heard = (reply: IndexReply): void => {
        if (reply.type !== type) return
        this.#heard.delete(heard)
        resolve(reply as Extract<IndexReply, { type: T }>)
      }
      this.#heard.add(heard)
      this.host.serve([request])
    })
  }

  /** Opens the space and offers everything below `end`; returns how many of them are wanted. */
  async open(space: number, params: VectorParams, end = 3000): Promise<number> {
    this.host.serve([{ type: 'open', space, ref: REF, params, fresh: false }])
    const { ordinals, ids, versions } = changes(0, end)
    const offer = { ordinals, ids: ids as string[], versions }
    const { wanted } = await this.answer('wanted', { type: 'offer', space, offer })
    this.host.serve([{ type: 'settle', space }])
    return wanted.length
  }

  work(): void {
    while (this.host.work(1000) === 0);
  }

  stats(space: number) {
    const reply = this.replies.findLast((each) => each.type === 'stats' && each.space === space)
    return reply?.type === 'stats' ? reply.stats : undefined
  }

  async nearest(space: number, at: number): Promise<number> {
    const query = { vector: VECTORS[at]!, limit: 1, quantization: { oversampling: 2 } }
    return (await this.answer('hits', { type: 'search', id: 1, space, query })).ordinals[0]!
  }
}

test('[IX71] a space opened anew with codes, or without, keeps its vectors and serves until it has been built anew', async () => {
  const asked = new Asked()
  expect(await asked.open(1, paramsWith(), 0)).toBe(0)
  asked.host.serve([{ type: 'change', space: 1, changes: changes(0, 3000) }])
  asked.work()
  const whole = asked.stats(1)!.bytes
  expect(await asked.open(2, CODES)).toBe(0)
  asked.work()
  expect(asked.stats(2)).toMatchObject({ live: 3000, pending: 0, graph: { wanted: 'quantization' } })
  expect(await asked.nearest(2, 77)).toBe(77)
  asked.host.serve([{ type: 'rebuild', space: 2, pace: 1 }])
  asked.work()
  expect(asked.stats(2)!.graph).not.toHaveProperty('wanted')
  expect(whole - asked.stats(2)!.bytes).toBe(3000 * 8 * 3)
  expect(await asked.nearest(2, 1234)).toBe(1234)
  // Over a restart, too: nothing is read again, and nothing is built.
  await asked.answer('done', { type: 'flush', id: 2 })
  const later = new Asked()
  expect(await later.open(1, CODES)).toBe(0)
  later.work()
  expect(later.stats(1)).toMatchObject({ live: 3000, pending: 0, state: 'ready' })
  expect(later.stats(1)!.graph).not.toHaveProperty('wanted')
  expect(await later.nearest(1, 2999)).toBe(2999)
  expect(await later.open(2, paramsWith())).toBe(0)
  later.work()
  expect(later.stats(2)!.graph).toMatchObject({ wanted: 'quantization' })
})

test('[IX30] a file of vectors holds what its graph holds, and is gone with it', async () => {
  const asked = new Asked()
  await asked.open(1, CODES, 0)
  asked.host.serve([{ type: 'change', space: 1, changes: changes(0, 2500) }])
  asked.work()
  await asked.answer('done', { type: 'flush', id: 1 })
  // After the snapshot: written to the file, and named by nothing else.
  asked.host.serve([{ type: 'change', space: 1, changes: changes(2500, 3000) }])
  asked.work()
  const traces = async (record: string) =>
    (await asked.answer('traces', { type: 'traces', id: 3, space: 1, record })).traces
  expect(await traces('nobody')).toEqual({ graph: 'clear', files: 'clear' })
  const gone: Changes = {
    ordinals: Uint32Array.of(5, 2600),
    ids: [undefined, undefined],
    versions: ['', ''],
    vectors: new Float32Array(0),
  }
  asked.host.serve([{ type: 'change', space: 1, changes: gone }])
  expect(await traces('id-5')).toEqual({ graph: 'holds', files: 'holds' })
  expect(await traces('id-2600')).toEqual({ graph: 'holds', files: 'holds' })
  asked.host.serve([{ type: 'rebuild', space: 1, pace: 1 }])
  asked.work()
  expect((await traces('id-2600')).graph).toBe('clear')
  await asked.answer('done', { type: 'flush', id: 4 })
  for (const id of ['id-5', 'id-2600']) expect(await traces(id)).toEqual({ graph: 'clear', files: 'clear' })
  expect(readdirSync(directory).filter((file) => file.endsWith('.vectors'))).toHaveLength(1)
  await asked.answer('dropped', { type: 'drop', space: 1, ref: REF })
  expect(readdirSync(directory)).toEqual([])
})
