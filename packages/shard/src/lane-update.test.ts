import type { ErrorCode, StoreError } from '@meridian/core'
import { fuzzDecoder } from '@meridian/core/testing'
import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { checkLaneUpdate } from './lane-check.js'
import { type ClockRange, laneName } from './lane.js'
import { parseLaneUpdate } from './lane-update.js'
import { ShardDoc } from './shard-doc.js'
import { block, client, MemoryBlocks, put, replica, stamp } from './test-support.js'

const ME = replica(1)
const FIRST = client(1, 1)
const SECOND = client(1, 2)

/** A writer's shard whose blocks are real ones. */
class Writer {
  readonly blocks = new MemoryBlocks()
  readonly shard = new ShardDoc(this.blocks)

  append(id: number, count = 1, bytes?: Uint8Array): ClockRange {
    const clock = this.shard.nextClock(id)
    for (let i = 0; i < count; i++) {
      const seq = clock + i + 1
      this.blocks.set(id, clock + i, bytes ?? block(seq, [put(seq, stamp(1000 + seq, id >>> 24))]))
      this.shard.append(id, clock + i)
    }
    return { client: id, clock, length: count }
  }

  state(from: ReadonlyMap<number, number> = new Map(), bytesMax = 2 ** 20): Uint8Array {
    return this.shard.encodeState(ME, from, bytesMax).update
  }
}

/** What a replica does with an update from outside. */
const receive = (shard: ShardDoc, blocks: MemoryBlocks, bytes: Uint8Array) => {
  const checked = checkLaneUpdate(parseLaneUpdate(bytes), ME, shard)
  for (const struct of checked.fresh) if (struct.kind === 'block') blocks.set(struct.client, struct.clock, struct.bytes)
  shard.integrate(checked)
  return checked
}

const refused = (code: ErrorCode) => expect.objectContaining({ name: 'StoreError', code } satisfies Partial<StoreError>)
const DECODE_FAILED = refused('DECODE_FAILED')

const writerWithHistory = (): Writer => {
  const writer = new Writer()
  writer.append(FIRST, 6)
  writer.shard.remove([{ client: FIRST, clock: 0, length: 2 }])
  writer.append(SECOND, 5)
  writer.shard.remove([
    { client: FIRST, clock: 3, length: 3 },
    { client: SECOND, clock: 1, length: 2 },
  ])
  return writer
}

describe('an update from outside', () => {
  it('[LU1] reads what a shard document encodes, and integrating it gives the same document', () => {
    const writer = writerWithHistory()
    const blocks = new MemoryBlocks()
    const shard = new ShardDoc(blocks)
    const checked = receive(shard, blocks, writer.state())
    expect(checked.fresh.map(({ kind, client, clock }) => [kind, client, clock])).toEqual([
      ['removed', FIRST, 0],
      ['block', FIRST, 2],
      ['removed', FIRST, 3],
      ['block', SECOND, 0],
      ['removed', SECOND, 1],
      ['block', SECOND, 3],
      ['block', SECOND, 4],
    ])
    expect(Y.encodeStateAsUpdate(shard.doc)).toEqual(Y.encodeStateAsUpdate(writer.shard.doc))
  })

  it('[LU1] reads the updates of a stock document that pushes and deletes', () => {
    const stock = new Y.Doc()
    stock.clientID = FIRST
    const blocks = new MemoryBlocks()
    const shard = new ShardDoc(blocks)
    stock.on('update', (update: Uint8Array) => receive(shard, blocks, update))
    const lane = stock.getArray<Uint8Array>(laneName(1))
    for (let seq = 1; seq <= 6; seq++) lane.push([block(seq, [put(seq, stamp(seq, 1))])])
    stock.transact(() => {
      lane.delete(1, 3)
      lane.push([block(7, [put(7, stamp(7, 1))])])
    })
    expect(Y.encodeStateAsUpdate(shard.doc)).toEqual(Y.encodeStateAsUpdate(stock))
  })

  it('[LU2] passes over what is known already, also within a removed run', () => {
    const writer = writerWithHistory()
    const blocks = new MemoryBlocks()
    const shard = new ShardDoc(blocks)
    for (let bytesMax = 1; bytesMax < 400; bytesMax += 37) {
      for (let from: ReadonlyMap<number, number> = new Map(), done = false; !done; ) {
        const chunk = writer.shard.encodeState(ME, from, bytesMax)
        receive(shard, blocks, chunk.update)
        ;({ next: from, done } = chunk)
      }
      expect(Y.encodeStateAsUpdate(shard.doc)).toEqual(Y.encodeStateAsUpdate(writer.shard.doc))
    }
    const again = receive(shard, blocks, writer.state())
    expect([again.fresh.length, again.skipped]).toEqual([0, 11])

    const partial = new Writer()
    partial.append(FIRST, 4)
    for (let clock = 0; clock < 6; clock++) blocks.set(FIRST, clock, writer.blocks.read(FIRST, clock))
    const behind = checkLaneUpdate(parseLaneUpdate(writer.state()), ME, partial.shard)
    expect(behind.fresh[0]).toEqual({ kind: 'removed', client: FIRST, clock: 4, length: 2 })
    partial.shard.integrate(behind)
    expect(partial.shard.stateVector()).toEqual(writer.shard.stateVector())
  })

  it('[LU3] refuses gaps, wrong places, wrong owners and removals of the unknown', () => {
    const writer = writerWithHistory()
    const known = new Writer()
    known.append(FIRST, 2)
    const check = (bytes: Uint8Array, as = ME, shard = known.shard) =>
      checkLaneUpdate(parseLaneUpdate(bytes), as, shard)
    const empty = new ShardDoc(new MemoryBlocks())
    const range = (id: number, clock: number, length: number): ClockRange => ({ client: id, clock, length })
    const encode = (blocks: ClockRange[], removed: ClockRange[]) => writer.shard.encode(blocks, removed)!
    const cases: Record<string, () => unknown> = {
      gap: () => check(encode([range(SECOND, 3, 2)], [])),
      'a lane of another replica': () => check(encode([range(SECOND, 0, 1)], []), replica(2)),
      'a removal in a lane of another replica': () => check(encode([], [range(FIRST, 0, 1)]), replica(2)),
      'not behind the tail': () => check(encode([range(SECOND, 0, 1)], [])),
      'not at the root': () => check(encode([range(SECOND, 0, 1)], []), ME, empty),
      'a removal beyond what is known': () => check(encode([], [range(FIRST, 1, 2)])),
      'a removal in an unknown client': () => check(encode([], [range(SECOND, 0, 1)])),
    }
    for (const [name, run] of Object.entries(cases)) expect(run, name).toThrow(DECODE_FAILED)
    const late = new Writer()
    late.append(SECOND, 1)
    expect(() => check(known.state(), ME, late.shard), 'a boot that is over').toThrow(DECODE_FAILED)
    expect(() => check(encode([], [range(FIRST, 0, 2)]))).not.toThrow()
  })

  it('[LU4] refuses unsound blocks and foreign stamps that are not moved survivors', () => {
    const foreign = [put('x', stamp(5, 2))]
    const state = (bytes: Uint8Array): Uint8Array => {
      const writer = new Writer()
      writer.append(FIRST, 1, bytes)
      return writer.state()
    }
    const check = (bytes: Uint8Array) =>
      checkLaneUpdate(parseLaneUpdate(state(bytes)), ME, new ShardDoc(new MemoryBlocks()))
    expect(() => check(block(1, foreign))).toThrow(DECODE_FAILED)
    expect(check(block(1, foreign, { moved: true })).fresh).toHaveLength(1)
    const sound = block(1, [put('x', stamp(5, 1))])
    expect(() => check(sound.subarray(0, -1))).toThrow(DECODE_FAILED)
    expect(() => check(Uint8Array.of(9, ...sound.subarray(1)))).toThrow(DECODE_FAILED)
    expect(() => check(new Uint8Array(0))).toThrow(DECODE_FAILED)
  })

  it('[LU5] refuses everything else that Yjs can say', () => {
    const doc = (change: (doc: Y.Doc) => void): Uint8Array => {
      const stock = new Y.Doc()
      stock.clientID = FIRST
      change(stock)
      return Y.encodeStateAsUpdate(stock)
    }
    const lane = (stock: Y.Doc): Y.Array<unknown> => stock.getArray(laneName(1))
    const bytes = new Uint8Array(3)
    const cases: Record<string, Uint8Array> = {
      'a foreign root': doc((stock) => stock.getArray('other').push([bytes])),
      'a lane name with a leading zero': doc((stock) => stock.getArray('lane:01').push([bytes])),
      'a map entry': doc((stock) => stock.getMap(laneName(1)).set('k', bytes)),
      'a number': doc((stock) => lane(stock).push([1])),
      text: doc((stock) => stock.getText(laneName(1)).insert(0, 'text')),
      'a nested type': doc((stock) => lane(stock).push([new Y.Array()])),
      'an insert in the middle': doc((stock) => {
        lane(stock).push([bytes])
        lane(stock).insert(0, [bytes])
      }),
      'a garbage struct': doc((stock) => {
        lane(stock).push([Y.Array.from([bytes])])
        lane(stock).delete(0)
      }),
      'a client of no replica': (() => {
        const stock = new Y.Doc()
        stock.clientID = 7
        lane(stock).push([bytes])
        return Y.encodeStateAsUpdate(stock)
      })(),
      'trailing bytes': Uint8Array.of(0, 0, 0),
      'nothing at all': new Uint8Array(0),
    }
    for (const [name, update] of Object.entries(cases))
      expect(() => parseLaneUpdate(update), name).toThrow(DECODE_FAILED)
    expect(parseLaneUpdate(Uint8Array.of(0, 0))).toEqual({ sections: [], removed: [] })
  })

  it('[LU6] never allocates by a length it was told, and bounds structs and clocks', () => {
    const huge = [0xff, 0xff, 0xff, 0xff, 0x07]
    const id = [0x81, 0x80, 0x80, 0x08]
    const root = [1, 6, ...Buffer.from('lane:1')]
    for (const bytes of [
      huge,
      [1, ...huge, ...id, 0],
      [1, 1, ...id, ...huge, 3, ...root, 0],
      [1, 1, ...id, 0, 3, ...root, ...huge],
      [1, 2, ...id, 0, 1, ...root, ...huge, 0x81, ...id, 0, 5, 0],
      [1, 0x81, 0x80, 0x04, ...id, 0, 3, ...root, 0],
      [0, 1, ...id, ...huge, 0, 1],
      [0, 1, ...id, 1, 0, ...huge, 0],
      [0, ...huge],
    ])
      expect(() => parseLaneUpdate(Uint8Array.from(bytes)), bytes.join()).toThrow(DECODE_FAILED)
  })

  it('[LU7] survives 100,000 damaged updates: each is refused or leaves a sound lane, quickly', () => {
    const writer = writerWithHistory()
    const samples = [writer.state(), writer.state(new Map(), 100), writer.state(new Map(), 1)]
    let accepted = 0
    const { refused } = fuzzDecoder({
      name: 'lane update',
      samples,
      count: 100_000,
      decode: (bytes) => {
        const checked = checkLaneUpdate(parseLaneUpdate(bytes), ME, new EmptyEnds())
        if (accepted++ % 50 === 0) new ShardDoc(new MemoryBlocks()).integrate(checked)
      },
    })
    expect(refused).toBeGreaterThan(50_000)
  })
})

/** An empty lane, cheaper to make than a document. */
class EmptyEnds {
  nextClock(): number {
    return 0
  }

  tail(): undefined {
    return undefined
  }
}
