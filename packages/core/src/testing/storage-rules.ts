import { expect } from 'vitest'
import { StoreError } from '../errors.js'
import type { Storage, StorageOp } from '../ports.js'
import { SeededRandom } from './seeded-random.js'
import { randomOps, StorageTwin } from './storage-twin.js'

/** An empty storage, and the way to open its data again. */
export interface StorageFixture {
  readonly storage: Storage
  /** Closes what is open, and opens the same data. May be called again on what it gave. */
  reopen(): Promise<Storage>
}

/** What only some adapters can be made to do; a rule without its means is not tested. */
export interface StorageConformanceOptions {
  /** Damages the stored value of `key` behind the adapter's back; resolves to a storage opened on the damaged data. */
  corrupt?(fixture: StorageFixture, key: string): Promise<Storage>
  /** Makes the medium refuse writes from now on, for any reason but a lack of space. */
  breakMedium?(fixture: StorageFixture): void | Promise<void>
}

export interface StorageRule {
  /** Starts with the rule's id. */
  readonly title: string
  /** The means without which the rule cannot be tested. */
  readonly needs?: keyof StorageConformanceOptions
  /** Rejects if the storage, empty at first, breaks the rule. */
  run(fixture: StorageFixture, options: StorageConformanceOptions): Promise<void>
}

/** The contract of the `Storage` port, sentence by sentence. */
export const STORAGE_RULES: readonly StorageRule[] = [
  {
    title: '[ST1] a key never written reads as undefined',
    run: async ({ storage }) => {
      expect(storage.get('absent')).toBeUndefined()
      expect([...storage.scan('')]).toEqual([])
      expect([...storage.keys('')]).toEqual([])
    },
  },
  {
    title: '[ST2] values read back byte for byte: empty, every byte value, a mebibyte, under keys of 1 and 200 bytes',
    run: async ({ storage }) => {
      const values: [string, Uint8Array][] = [
        ['k', new Uint8Array(0)],
        [`${'x'.repeat(199)}y`, Uint8Array.from({ length: 256 }, (_, i) => i)],
        ['~!/: {}', noise(2 ** 20, 1)],
        [`${'x'.repeat(199)}z`, noise(5000, 2)],
      ]
      await put(storage, ...values)
      for (const [key, value] of values) expectSame(storage.get(key), value)
    },
  },
  {
    title: '[ST3] keys are in bytewise order, and a scan ends with its prefix',
    run: async ({ storage }) => {
      const keys = ['A', 'B', 'a', 'a!', 'a/', 'a/1', 'a/10', 'a/2', 'a0', 'a~', 'b', '~']
      await put(storage, ...new SeededRandom(1).shuffled(keys).map((key) => [key, text(key)] as const))
      expect([...storage.keys('')]).toEqual(keys)
      expect([...storage.keys('a')]).toEqual(keys.slice(2, 10))
      expect([...storage.keys('a/')]).toEqual(['a/', 'a/1', 'a/10', 'a/2'])
      expect([...storage.keys('a/10')]).toEqual(['a/10'])
      expect([...storage.keys('~~')]).toEqual([])
      expect([...storage.scan('a/')].map(([key, value]) => [key, Buffer.from(value).toString()])).toEqual(
        ['a/', 'a/1', 'a/10', 'a/2'].map((key) => [key, key]),
      )
    },
  },
  {
    title:
      '[ST4] from is inclusive, need not exist, and never widens the prefix; reverse lists the same keys backwards; limit cuts last',
    run: async ({ storage }) => {
      await put(storage, ...['a', 'b/1', 'b/3', 'b/5', 'c'].map((key) => [key, text(key)] as const))
      expect([...storage.keys('b/', { from: 'b/3' })]).toEqual(['b/3', 'b/5'])
      expect([...storage.keys('b/', { from: 'b/2' })]).toEqual(['b/3', 'b/5'])
      expect([...storage.keys('b/', { from: 'a' })]).toEqual(['b/1', 'b/3', 'b/5'])
      expect([...storage.keys('b/', { from: 'b/6' })]).toEqual([])
      expect([...storage.keys('b/', { from: 'c' })]).toEqual([])
      expect([...storage.keys('b/', { reverse: true })]).toEqual(['b/5', 'b/3', 'b/1'])
      expect([...storage.keys('b/', { reverse: true, limit: 1 })]).toEqual(['b/5'])
      expect([...storage.keys('b/', { reverse: true, from: 'b/2' })]).toEqual(['b/5', 'b/3'])
      expect([...storage.keys('', { reverse: true, limit: 2 })]).toEqual(['c', 'b/5'])
      expect([...storage.keys('b/', { limit: 2 })]).toEqual(['b/1', 'b/3'])
      expect([...storage.keys('b/', { limit: 0 })]).toEqual([])
      expect([...storage.keys('b/', { from: 'b/3', limit: 9 })]).toEqual(['b/3', 'b/5'])
    },
  },
  {
    title: '[ST5] within a batch a later operation on a key wins',
    run: async ({ storage }) => {
      await put(storage, ['p/0', text('before')], ['q/0', text('before')])
      await commit(storage, [
        { type: 'put', key: 'twice', value: text('1') },
        { type: 'put', key: 'twice', value: text('2') },
        { type: 'put', key: 'gone', value: text('1') },
        { type: 'delete', key: 'gone' },
        { type: 'delete', key: 'back' },
        { type: 'put', key: 'back', value: text('1') },
        { type: 'put', key: 'p/1', value: text('1') },
        { type: 'deletePrefix', prefix: 'p/' },
        { type: 'put', key: 'p/2', value: text('1') },
      ])
      expect([...storage.keys('')]).toEqual(['back', 'p/2', 'q/0', 'twice'])
      expectSame(storage.get('twice'), text('2'))
      expect(storage.get('p/0')).toBeUndefined()
    },
  },
  {
    title: '[ST6] deleting takes exactly the key or the prefix; deleting what is absent succeeds',
    run: async ({ storage }) => {
      await put(storage, ...['a', 'a/', 'a/1', 'a/~', 'a0', 'b'].map((key) => [key, text(key)] as const))
      await commit(storage, [
        { type: 'delete', key: 'absent' },
        { type: 'deletePrefix', prefix: 'absent/' },
        { type: 'deletePrefix', prefix: 'a/' },
      ])
      expect([...storage.keys('')]).toEqual(['a', 'a0', 'b'])
      await commit(storage, [{ type: 'delete', key: 'a' }])
      expect([...storage.keys('')]).toEqual(['a0', 'b'])
    },
  },
  {
    title: '[ST7] done runs once, never synchronously, for an empty batch too',
    run: async ({ storage }) => {
      const calls: string[] = []
      let returned = false
      const settled = ['first', 'empty', 'last'].map(
        (tag) =>
          new Promise<void>((resolve) => {
            const ops: StorageOp[] = tag === 'empty' ? [] : [{ type: 'put', key: tag, value: text(tag) }]
            storage.commit(ops, (error) => {
              calls.push(`${tag} ${returned} ${error}`)
              resolve()
            })
          }),
      )
      expect(calls).toEqual([])
      returned = true
      await Promise.all(settled)
      await commit(storage, [{ type: 'put', key: 'later', value: text('later') }])
      expect([...calls].sort()).toEqual(['empty true undefined', 'first true undefined', 'last true undefined'])
    },
  },
  {
    title: '[ST8] a batch becomes visible whole',
    run: async ({ storage }) => {
      const keys = Array.from({ length: 300 }, (_, i) => `k${i}`)
      let done = false
      storage.commit(
        keys.map((key) => ({ type: 'put', key, value: noise(100, 1) })),
        () => {
          done = true
        },
      )
      const counts = new Set<number>()
      while (!done) {
        counts.add([...storage.keys('k')].length)
        await new Promise(setImmediate)
      }
      counts.add([...storage.keys('k')].length)
      expect([...counts].filter((count) => count !== 0)).toEqual([300])
    },
  },
  {
    title: '[ST9] batches become durable in the order of the calls',
    run: async ({ storage }) => {
      const order: number[] = []
      await Promise.all(
        Array.from({ length: 200 }, async (_, i) => {
          await commit(storage, [
            { type: 'put', key: 'latest', value: text(String(i)) },
            { type: 'put', key: `n/${i}`, value: text(String(i)) },
          ])
          order.push(i)
          for (let before = 0; before <= i; before++)
            if (!storage.get(`n/${before}`)) throw new Error(`${i} is done before ${before}`)
        }),
      )
      expect(order).toEqual(Array.from({ length: 200 }, (_, i) => i))
      expectSame(storage.get('latest'), text('199'))
    },
  },
  {
    title: '[ST10] what was done is there after reopening, twice over',
    run: async (fixture) => {
      await put(fixture.storage, ['keep', text('1')], ['gone', text('1')], ['over', text('1')])
      let storage = await fixture.reopen()
      expect([...storage.keys('')]).toEqual(['gone', 'keep', 'over'])
      await commit(storage, [
        { type: 'delete', key: 'gone' },
        { type: 'put', key: 'over', value: text('2') },
      ])
      storage = await fixture.reopen()
      expect([...storage.keys('')]).toEqual(['keep', 'over'])
      expectSame(storage.get('over'), text('2'))
      await storage.close()
    },
  },
  {
    title: '[ST11] close waits for commits under way, and may be called twice',
    run: async (fixture) => {
      let done = 0
      for (let i = 0; i < 50; i++)
        fixture.storage.commit([{ type: 'put', key: `k${i}`, value: noise(1000, i) }], (error) => {
          if (!error) done++
        })
      await Promise.all([fixture.storage.close(), fixture.storage.close()])
      expect(done).toBe(50)
      await fixture.storage.close()
      const again = await fixture.reopen()
      expect([...again.keys('k')].length).toBe(50)
      await again.close()
    },
  },
  {
    title: '[ST12] bytes that were read stay as they were read',
    run: async ({ storage }) => {
      await put(storage, ['a', noise(64, 1)], ['b', noise(64, 2)])
      const read = storage.get('a')
      const [scanned] = [...storage.scan('a')]
      for (let i = 0; i < 50; i++) {
        await put(storage, ['a', noise(64, 10 + i)], ['b', noise(64, 90 + i)])
        storage.get('b')
      }
      expectSame(read, noise(64, 1))
      expectSame(scanned?.[1], noise(64, 1))
    },
  },
  {
    title: '[ST13] a scan may be abandoned, and scans may be nested',
    run: async ({ storage }) => {
      await put(storage, ...Array.from({ length: 20 }, (_, i) => [`k${i}`, text('v')] as const))
      for (let i = 0; i < 500; i++) for (const _ of storage.scan('k')) break
      let pairs = 0
      for (const _ of storage.keys('k')) for (const __ of storage.scan('k')) pairs++
      expect(pairs).toBe(400)
      await put(storage, ['k99', text('v')])
      expect([...storage.keys('k9')]).toEqual(['k9', 'k99'])
    },
  },
  {
    title: '[ST14] agrees with a plain map over random batches, scans and reopenings',
    run: async (fixture) => {
      const random = new SeededRandom(14)
      const twin = new StorageTwin()
      let storage = fixture.storage
      for (let round = 0; round < 60; round++) {
        const batches = Array.from({ length: 1 + random.int(4) }, () => randomOps(random))
        for (const ops of batches) twin.apply(ops)
        await Promise.all(batches.map((ops) => commit(storage, ops)))
        if (random.chance(0.1)) storage = await fixture.reopen()
        for (let i = 0; i < 10; i++) {
          const [prefix, query] = twin.randomQuery(random)
          expect([...storage.keys(prefix, query)]).toEqual(twin.scan(prefix, query).map(([key]) => key))
          expect(hex(storage.scan(prefix, query))).toEqual(hex(twin.scan(prefix, query)))
        }
      }
      await storage.close()
    },
  },
  {
    title: '[ST15] a value whose checksum does not match is refused by name, and its neighbours are not',
    needs: 'corrupt',
    run: async (fixture, options) => {
      await put(fixture.storage, ['a/1', noise(100, 1)], ['a/bad', noise(100, 2)], ['b', noise(100, 3)])
      const storage = await options.corrupt!(fixture, 'a/bad')
      for (const read of [() => storage.get('a/bad'), () => [...storage.scan('a/')]]) {
        const error = caught(read)
        expect(error).toBeInstanceOf(StoreError)
        expect(error).toMatchObject({ code: 'STORAGE_CORRUPT', message: expect.stringContaining('a/bad') })
      }
      expectSame(storage.get('a/1'), noise(100, 1))
      expectSame(storage.get('b'), noise(100, 3))
      expect([...storage.keys('a/')]).toEqual(['a/1', 'a/bad'])
      await storage.close()
    },
  },
  {
    title: '[ST16] after STORAGE_FAILED every later commit fails too, and reads go on',
    needs: 'breakMedium',
    run: async (fixture, options) => {
      await put(fixture.storage, ['a', text('1')])
      await options.breakMedium!(fixture)
      for (let i = 0; i < 3; i++) {
        const error: unknown = await put(fixture.storage, ['b', text('1')]).catch((reason: unknown) => reason)
        expect(error).toBeInstanceOf(StoreError)
        expect(error).toMatchObject({ code: 'STORAGE_FAILED' })
      }
      expectSame(fixture.storage.get('a'), text('1'))
    },
  },
]

const commit = (storage: Storage, ops: readonly StorageOp[]): Promise<void> =>
  new Promise((resolve, reject) => storage.commit(ops, (error) => (error ? reject(error) : resolve())))

const put = (storage: Storage, ...values: readonly (readonly [string, Uint8Array])[]): Promise<void> =>
  commit(
    storage,
    values.map(([key, value]) => ({ type: 'put', key, value })),
  )

const text = (value: string): Uint8Array => new TextEncoder().encode(value)

const noise = (length: number, seed: number): Uint8Array => {
  const random = new SeededRandom(seed)
  return Uint8Array.from({ length }, () => random.int(256))
}

const hex = (pairs: Iterable<readonly [string, Uint8Array]>): string[] =>
  [...pairs].map(([key, value]) => `${key}=${Buffer.from(value).toString('hex')}`)

/** Adapters may answer with a Buffer: only the bytes are compared. */
const expectSame = (actual: Uint8Array | undefined, expected: Uint8Array): void => {
  expect(actual === undefined ? undefined : Buffer.compare(actual, expected)).toBe(0)
}

const caught = (run: () => unknown): unknown => {
  try {
    run()
  } catch (error) {
    return error
  }
  return undefined
}
