import type { StoreError } from '@meridian/core'
import { SeededRandom } from '@meridian/core/testing'
import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { type ClockRange, laneName } from './lane.js'
import { ShardDoc } from './shard-doc.js'
import { client, MemoryBlocks, replica } from './test-support.js'

const bytesOf = (seed: number, length = 20): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (seed * 31 + i * 7) & 0xff)

/** A shard document and a stock Yjs document that are told the same. */
class Twins {
  readonly blocks = new MemoryBlocks()
  readonly shard = new ShardDoc(this.blocks)
  readonly stock = new Y.Doc()
  #count = 0

  append(id: number, count = 1): void {
    const ids = Array.from({ length: count }, (_, i) => ({ client: id, clock: this.shard.nextClock(id) + i }))
    const contents = ids.map(({ clock }) => {
      const bytes = bytesOf(++this.#count, 1 + (this.#count % 300))
      this.blocks.set(id, clock, bytes)
      return bytes
    })
    this.shard.appendAll(ids)
    this.stock.clientID = id
    this.stock.transact(() => {
      for (const bytes of contents) this.stock.getArray(laneName(id >>> 24)).push([bytes])
    })
  }

  remove(range: ClockRange): void {
    for (const { client, clock } of this.shard.remove([range])) this.blocks.delete(client, clock)
    this.stock.transact(() => {
      const lane = this.stock.getArray<Uint8Array>(laneName(range.client >>> 24))
      const doomed: number[] = []
      let index = 0
      for (let item = lane._start; item !== null; item = item.right) {
        if (item.deleted) continue
        const { client, clock } = item.id
        if (client === range.client && clock >= range.clock && clock < range.clock + range.length) doomed.push(index)
        index++
      }
      for (const at of doomed.reverse()) lane.delete(at)
    })
  }

  expectEqual(): void {
    expect(Buffer.from(Y.encodeStateAsUpdate(this.shard.doc))).toEqual(Buffer.from(Y.encodeStateAsUpdate(this.stock)))
  }
}

const randomTwins = (seed: number, steps: number): Twins => {
  const random = new SeededRandom(seed)
  const twins = new Twins()
  const boots = new Map([1, 2, 3].map((of) => [of, 1]))
  for (let step = 0; step < steps; step++) {
    const of = random.pick([1, 2, 3])
    if (random.chance(0.1)) boots.set(of, boots.get(of)! + 1)
    if (random.chance(0.6)) twins.append(client(of, boots.get(of)!), 1 + random.int(3))
    else {
      const id = client(of, 1 + random.int(boots.get(of)!))
      const end = twins.shard.nextClock(id)
      if (end === 0) continue
      const clock = random.int(end)
      twins.remove({ client: id, clock, length: 1 + random.int(end - clock) })
    }
  }
  return twins
}

// One section of three structs (root lane:1, three bytes · a removed run of 1 · three bytes), delete set of clock 1.
const GOLDEN = '010381808008000301066c616e653a310300070e81818080080001838180800801033e454c0181808008010101'

describe('a shard document', () => {
  it('[SH1] encodes to the bytes of a stock document that did the same pushes and deletes', () => {
    for (let seed = 1; seed <= 60; seed++) randomTwins(seed, 60).expectEqual()
  })

  it('[SH1] encodes two blocks and a removal to the golden bytes', () => {
    const blocks = new MemoryBlocks()
    const shard = new ShardDoc(blocks)
    const id = client(1)
    for (const clock of [0, 1, 2]) {
      blocks.set(id, clock, bytesOf(clock, 3))
      shard.append(id, clock)
    }
    shard.remove([{ client: id, clock: 1, length: 1 }])
    expect(Buffer.from(Y.encodeStateAsUpdate(shard.doc)).toString('hex')).toBe(GOLDEN)
  })

  it('[SH2] tells listeners of each change once, in an update that a stock document reads as bytes', () => {
    const blocks = new MemoryBlocks()
    const shard = new ShardDoc(blocks, { clientId: client(1) })
    const stock = new Y.Doc()
    const origins: unknown[] = []
    shard.doc.on('update', (update: Uint8Array, origin: unknown) => {
      origins.push(origin)
      Y.applyUpdate(stock, update)
    })
    const id = client(1)
    for (let clock = 0; clock < 5; clock++) blocks.set(id, clock, bytesOf(clock))
    shard.appendAll([0, 1, 2].map((clock) => ({ client: id, clock })))
    shard.integrate(
      {
        fresh: [3, 4].map((clock) => ({ kind: 'block', client: id, clock })),
        removed: [{ client: id, clock: 0, length: 2 }],
      },
      'peer',
    )
    expect(origins).toEqual([null, 'peer'])
    const lane = stock.getArray<Uint8Array>(laneName(1)).toArray()
    expect(lane.map((bytes) => Buffer.from(bytes))).toEqual([2, 3, 4].map((clock) => Buffer.from(bytesOf(clock))))
    expect(lane.every((bytes) => bytes instanceof Uint8Array)).toBe(true)
    expect(shard.doc.clientID).toBe(client(1))
    expect(shard.doc.getArray<Uint8Array>(laneName(1)).get(2)).toEqual(bytesOf(4))
  })

  it('[SH3] knows its clocks, tails, lanes and what was removed', () => {
    const twins = new Twins()
    const [first, second] = [client(1, 1), client(1, 2)]
    twins.append(first, 4)
    twins.append(second, 3)
    twins.append(client(2), 1)
    twins.remove({ client: first, clock: 1, length: 3 })
    twins.remove({ client: second, clock: 1, length: 1 })
    const { shard } = twins
    expect(shard.nextClock(first)).toBe(4)
    expect(shard.nextClock(client(9))).toBe(0)
    expect(shard.stateVector()).toEqual(
      new Map([
        [first, 4],
        [second, 3],
        [client(2), 1],
      ]),
    )
    expect(shard.clients(replica(1))).toEqual([first, second])
    expect(shard.replicas()).toEqual([1, 2])
    expect(shard.tail(replica(1))).toEqual({ client: second, clock: 2 })
    expect(shard.tail(replica(9))).toBeUndefined()
    expect(shard.removedRanges(first)).toEqual([{ client: first, clock: 1, length: 3 }])
    expect([0, 1, 3, 4].map((clock) => shard.has(first, clock))).toEqual([true, false, false, false])
    expect(shard.blocksIn([{ client: second, clock: 0, length: 9 }])).toEqual(
      [0, 2].map((clock) => ({ client: second, clock })),
    )
    expect(shard.remove([{ client: second, clock: 0, length: 2 }])).toEqual([{ client: second, clock: 0 }])
  })

  it('[SH4] refuses as a bug what would break a lane', () => {
    const twins = new Twins()
    twins.append(client(1, 2), 1)
    expect(() => twins.shard.append(client(1, 2), 2)).toThrow('does not continue')
    expect(() => twins.shard.append(client(1, 2), 0)).toThrow('does not continue')
    expect(() => twins.shard.append(client(1, 1), 0)).toThrow('boot that is over')
    expect(() => twins.shard.remove([{ client: client(1, 2), clock: 0, length: 2 }])).toThrow('beyond')
  })

  it('[SH5] restores from clocks and removed ranges to the same bytes', () => {
    for (let seed = 1; seed <= 40; seed++) {
      const { shard, blocks } = randomTwins(seed, 60)
      const restored = new ShardDoc(blocks)
      restored.restore(
        new SeededRandom(seed).shuffled(shard.clients()).map((id) => ({
          client: id,
          blocks: shard.blocksIn([{ client: id, clock: 0, length: shard.nextClock(id) }]).map(({ clock }) => clock),
          removed: shard.removedRanges(id),
        })),
      )
      expect(Buffer.from(Y.encodeStateAsUpdate(restored.doc))).toEqual(Buffer.from(Y.encodeStateAsUpdate(shard.doc)))
      for (const of of shard.replicas()) expect(restored.tail(of)).toEqual(shard.tail(of))
    }
  })

  it('[SH5] a lane of more blocks than a call takes arguments is restored, and removed at once', () => {
    const id = client(1)
    const length = 200_000
    const shard = new ShardDoc(new MemoryBlocks())
    shard.restore([{ client: id, blocks: Array.from({ length }, (_, clock) => clock), removed: [] }])
    expect(shard.nextClock(id)).toBe(length)
    expect(shard.remove([{ client: id, clock: 0, length }])).toHaveLength(length)
    expect(shard.removedRanges(id)).toEqual([{ client: id, clock: 0, length }])
  })

  it('[SH5] names the clock at which stored blocks leave a gap or overlap', () => {
    const id = client(1)
    const restore =
      (blocks: number[], removed: [number, number][]): (() => void) =>
      () =>
        new ShardDoc(new MemoryBlocks()).restore([
          { client: id, blocks, removed: removed.map(([clock, length]) => ({ client: id, clock, length })) },
        ])
    for (const broken of [
      restore([0, 2], []),
      restore([1], []),
      restore([0, 1, 5], [[2, 2]]),
      restore([0, 1], [[0, 2]]),
    ])
      expect(broken).toThrow(
        expect.objectContaining({ name: 'StoreError', code: 'STORAGE_CORRUPT' } satisfies Partial<StoreError>),
      )
    expect(restore([0, 3], [[1, 2]])).not.toThrow()
  })

  it('[SH6] encodes one transaction as the update that Yjs told its listeners', () => {
    const twins = new Twins()
    const id = client(1)
    twins.append(id, 5)
    const updates: Uint8Array[] = []
    twins.shard.doc.on('update', (update: Uint8Array) => updates.push(update))
    for (const clock of [5, 6]) twins.blocks.set(id, clock, bytesOf(clock))
    const removed = [{ client: id, clock: 1, length: 2 }]
    twins.shard.integrate({ fresh: [5, 6].map((clock) => ({ kind: 'block', client: id, clock })), removed })
    expect(twins.shard.encode([{ client: id, clock: 5, length: 2 }], removed)).toEqual(updates[0])
    expect(twins.shard.encode([{ client: id, clock: 2, length: 2 }], [])).toBeUndefined()
  })

  it('[SH7] streams a lane in bounded chunks that rebuild it, from any cursor', () => {
    for (let seed = 1; seed <= 30; seed++) {
      const { shard } = randomTwins(seed, 80)
      const random = new SeededRandom(seed)
      const stock = new Y.Doc()
      const longest = 300 + 40
      for (const of of shard.replicas()) {
        let from: ReadonlyMap<number, number> = new Map()
        for (let done = false; !done; ) {
          const bytesMax = 1 + random.int(700)
          const chunk = shard.encodeState(of, from, bytesMax)
          if (!chunk.done) expect(chunk.update.length).toBeLessThan(bytesMax + longest + 60)
          Y.applyUpdate(stock, chunk.update)
          ;({ next: from, done } = chunk)
        }
        for (const id of shard.clients(of)) expect(from.get(id)).toBe(shard.nextClock(id))
      }
      expect(stock.store.pendingStructs).toBeNull()
      expect(Buffer.from(Y.encodeStateAsUpdate(stock))).toEqual(Buffer.from(Y.encodeStateAsUpdate(shard.doc)))
    }
  })

  it('[SH8] appends at a cost that does not grow with the lane', () => {
    const blocks = new MemoryBlocks()
    const shard = new ShardDoc(blocks)
    const id = client(1)
    const appendUpTo = (end: number): number => {
      const started = process.cpuUsage()
      for (let clock = shard.nextClock(id); clock < end; clock++) shard.append(id, clock)
      const { user, system } = process.cpuUsage(started)
      return user + system
    }
    appendUpTo(5_000)
    const early = appendUpTo(10_000)
    appendUpTo(45_000)
    expect(appendUpTo(50_000)).toBeLessThan(early * 5)
  })
})
