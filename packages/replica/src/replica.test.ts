import { StoreError } from '@meridian/core'
import { MemoryContents } from '@meridian/storage'
import { describe, expect, test } from 'vitest'
import { CONFIG, del, must, type Outcome, patch, put, TestNode } from './test-node.js'
import { TestTime } from './test-time.js'

const node = (options: ConstructorParameters<typeof TestNode>[3] = {}) => new TestNode(new TestTime(), 'eu', 1, options)

/** Starts a call and returns where its answer will be. */
const begin = (of: TestNode, ops: Parameters<TestNode['write']>[0]): Outcome<unknown> => {
  const outcome: Outcome<unknown> = { value: undefined, error: undefined }
  of.replica.write({ collection: 'c', ops }, (result) => {
    if (result.ok) outcome.value = result.value
    else outcome.error = result.error
  })
  return outcome
}

describe('writes', () => {
  test('[RP10] puts replace, patches change single keys, deletes end a record', () => {
    const eu = node()
    eu.create()
    eu.put(1, { a: 1, b: 2 })
    eu.write([patch(1, { b: 3, c: 4 }, { unset: ['a'] })])
    expect(eu.read(1)).toEqual({ b: 3, c: 4 })
    eu.write([patch(1, { z: 1 }, { clear: true })])
    expect(eu.read(1)).toEqual({ z: 1 })
    eu.put(1, { new: true })
    expect(eu.read(1)).toEqual({ new: true })
    expect(eu.searched()).toEqual([1])
    eu.write([del(1)])
    expect(eu.read(1)).toBeUndefined()
    expect(eu.searched()).toEqual([])
    expect(eu.replica.collection('c').tombstoneCount).toBe(1)
  })

  test('[RP10] ops of one request apply in order', () => {
    const eu = node()
    eu.create()
    eu.write([put(1, { n: 1 }), del(1), put(1, { n: 2 }), patch(1, { m: 3 }), put(2), del(2)])
    expect(eu.read(1)).toEqual({ n: 2, m: 3 })
    expect(eu.read(2)).toBeUndefined()
  })

  test('[RP11] a patch of a record that no put created never shows, and a later put does not pick it up', () => {
    const eu = node()
    eu.create()
    eu.write([patch(7, { ghost: true })])
    expect(eu.read(7)).toBeUndefined()
    expect(eu.replica.collection('c').liveCount).toBe(0)
    eu.put(7, { real: true })
    expect(eu.read(7)).toEqual({ real: true })
    eu.write([del(7)])
    eu.write([patch(7, { ghost: true })])
    expect(eu.read(7)).toBeUndefined()
    expect(eu.searched()).toEqual([])
  })

  test('[RP12] nothing is visible before it is durable, and an answer means that it is both', () => {
    const eu = node({ commitMs: 10 })
    eu.create()
    const outcome = begin(eu, [put(1, { n: 1 })])
    eu.time.run(9)
    expect(eu.read(1)).toBeUndefined()
    expect(outcome.value).toBeUndefined()
    eu.time.until(() => outcome.value !== undefined, 'the answer')
    expect(eu.read(1)).toEqual({ n: 1 })
    const merged = (outcome.value as { merged: { toJSON(): object } }).merged.toJSON()
    expect(merged).toEqual(eu.vector)
    eu.restart()
    expect(eu.read(1)).toEqual({ n: 1 })
  })

  test('[RP12] what was not answered may be lost in a crash, whole', () => {
    const eu = node({ commitMs: 10 })
    eu.create()
    begin(eu, [put(1), put(2)])
    eu.time.run(5)
    eu.restart()
    eu.time.run(50)
    expect(eu.replica.collection('c').liveCount).toBe(0)
    eu.put(3)
    expect(eu.read(3)).toEqual({})
  })

  test('[RP13] a hundred concurrent writes share few transactions and commits', () => {
    const eu = node({ commitMs: 5 })
    eu.create()
    eu.time.run(100)
    const commits = eu.storage.commits
    const seq = eu.vector[1]!
    const outcomes = Array.from({ length: 100 }, (_, i) => begin(eu, [put(i)]))
    eu.time.until(() => outcomes.every(({ value }) => value !== undefined), 'all answers')
    expect(eu.storage.commits - commits).toBeLessThanOrEqual(3)
    expect(eu.vector[1]! - seq).toBeLessThanOrEqual(3)
    expect(eu.replica.collection('c').liveCount).toBe(100)
  })

  test('[RP14] a request larger than a transaction is split and answered with its last one, whole', () => {
    const eu = node({ settings: { transactionBytes: 2000 } })
    eu.create()
    const before = eu.vector[1]!
    const receipt = eu.write(Array.from({ length: 200 }, (_, i) => put(i, { text: 'x'.repeat(100) })))
    expect(receipt.seq).toBe(eu.vector[1])
    expect(receipt.seq - before).toBeGreaterThan(5)
    expect(eu.replica.collection('c').liveCount).toBe(200)
  })

  test('[RP15] a record above the limit refuses its own request alone', () => {
    const eu = node({ settings: { entryBytesMax: 1000 } })
    eu.create()
    const large = begin(eu, [put(1), put(2, { text: 'x'.repeat(2000) })])
    const small = begin(eu, [put(3)])
    eu.time.run(10)
    expect(large.error).toMatchObject({ code: 'VALIDATION', message: expect.stringContaining('point 2') })
    expect(small.error).toBeUndefined()
    expect([eu.read(1), eu.read(2), eu.read(3)]).toEqual([undefined, undefined, {}])
  })

  test('[RP15] unknown collections and vectors, wrong lengths and elements are refused at once', () => {
    const eu = node()
    eu.create()
    const refusal = (run: () => void) => {
      try {
        run()
      } catch (error) {
        return (error as StoreError).code
      }
      return undefined
    }
    expect(refusal(() => eu.write([put(1)], 'none'))).toBe('COLLECTION_NOT_FOUND')
    expect(refusal(() => eu.write([put(1, {}, [1, 2])]))).toBe('WRONG_INPUT')
    expect(refusal(() => eu.write([put(1, {}, [1, 2, 3, Number.NaN])]))).toBe('VALIDATION')
    expect(refusal(() => eu.create())).toBe('COLLECTION_EXISTS')
  })

  test('[RP16] waiting writes are bounded: past it they are refused as overload, and taken again later', () => {
    const eu = node({ commitMs: 50, settings: { waitingBytesMax: 20_000 } })
    eu.create()
    eu.time.run(200)
    let refused = 0
    for (let i = 0; i < 100; i++)
      try {
        begin(eu, [put(i, { text: 'x'.repeat(1000) })])
      } catch (error) {
        expect(error).toMatchObject({ code: 'OVERLOADED' })
        refused++
      }
    expect(refused).toBeGreaterThan(50)
    expect(refused).toBeLessThan(95)
    eu.time.run(500)
    eu.put(1000)
    expect(eu.replica.collection('c').liveCount).toBe(101 - refused)
  })
})

describe('the disk', () => {
  test('[RP17] a full disk refuses writes and takes them again when there is room', () => {
    const eu = node()
    eu.create()
    eu.put(1)
    const vector = eu.vector
    eu.storage.fault = new StoreError('STORAGE_FULL', 'no space left on device')
    expect(eu.await((done) => eu.replica.write({ collection: 'c', ops: [put(2)] }, done)).error?.code).toBe(
      'STORAGE_FULL',
    )
    expect(eu.await((done) => eu.replica.createCollection('d', CONFIG, done)).error?.code).toBe('STORAGE_FULL')
    expect(eu.vector).toEqual(vector)
    expect(eu.read(1)).toEqual({})
    eu.storage.fault = undefined
    eu.put(2, { later: true })
    eu.create('d')
    eu.restart()
    expect(eu.read(2)).toEqual({ later: true })
    expect(eu.replica.collections().map(({ name }) => name)).toEqual(['c', 'd'])
  })

  test('[RP18] a failed disk makes the replica read-only for good', () => {
    const eu = node()
    eu.create()
    eu.put(1)
    eu.storage.fault = new StoreError('STORAGE_FAILED', 'input/output error')
    expect(eu.await((done) => eu.replica.write({ collection: 'c', ops: [put(2)] }, done)).error?.code).toBe(
      'STORAGE_FAILED',
    )
    eu.storage.fault = undefined
    expect(() => eu.put(3)).toThrow('input/output error')
    expect(() => eu.create('d')).toThrow('input/output error')
    expect(eu.replica.readOnlyReason()).toMatchObject({ code: 'STORAGE_FAILED' })
    expect(eu.read(1)).toEqual({})
    expect(eu.searched()).toEqual([1])
  })

  test('[RP19] a boot number that could not be stored at start is claimed with the first commit that succeeds', () => {
    const eu = node()
    eu.create()
    eu.crash()
    const contents = eu.contents
    eu.start()
    eu.storage.fault = new StoreError('STORAGE_FULL', 'no space left on device')
    eu.time.run(100)
    eu.storage.fault = undefined
    expect(eu.replica.identity.boot).toBe(2)
    eu.put(1)
    const again = new TestNode(eu.time, 'eu', 1, { contents })
    expect(again.replica.identity.boot).toBe(3)
  })
})

describe('identity', () => {
  test('[RP2] a clean stop keeps the boot number, anything else advances it', async () => {
    const eu = node()
    eu.create()
    eu.put(1)
    expect(eu.replica.identity.boot).toBe(1)
    const storeId = eu.replica.identity.storeId
    let isDown = false
    eu.replica.shutDown(() => {
      isDown = true
    })
    eu.time.until(() => isDown, 'a clean stop')
    eu.start()
    expect(eu.replica.identity).toMatchObject({ boot: 1, storeId })
    eu.put(2)
    eu.restart()
    expect(eu.replica.identity).toMatchObject({ boot: 2, storeId })
    eu.put(3)
    expect(eu.replica.collection('c').liveCount).toBe(3)
  })

  test('[RP2] a directory of another region or number is refused', () => {
    const contents = new MemoryContents()
    const eu = node({ contents })
    eu.time.run(10)
    expect(() => new TestNode(eu.time, 'us', 1, { contents })).toThrow('belongs to region eu')
    expect(() => new TestNode(eu.time, 'eu', 2, { contents })).toThrow('replica 1')
  })

  test('[RP3] a stop finishes what was taken, refuses the rest, writes nothing after its mark, and may be asked for twice', () => {
    const eu = node({ commitMs: 20, settings: { maintenanceMs: 1 } })
    eu.create()
    const outcome = begin(eu, [put(1)])
    let downs = 0
    eu.replica.shutDown(() => downs++)
    expect(() => begin(eu, [put(2)])).toThrow('shutting down')
    eu.replica.shutDown(() => downs++)
    eu.time.until(() => downs === 2, 'both calls answered')
    expect(outcome.value).toBeDefined()
    const commits = eu.storage.commits
    eu.time.run(1000)
    expect(eu.storage.commits).toBe(commits)
    eu.replica.shutDown(() => downs++)
    expect(downs).toBe(3)
    eu.start()
    expect(eu.read(1)).toEqual({})
  })
})

describe('collections', () => {
  test('[RP20] dropping hides at once; of the documents nothing is left once every member knows', () => {
    const eu = node()
    eu.create()
    eu.put(1)
    const before = [...eu.storage.keys('')].filter((key) => key.includes(eu.replica.collection('c').uid)).length
    const uid = eu.replica.collection('c').uid
    expect(before).toBeGreaterThan(0)
    expect(must(eu.await<boolean>((done) => eu.replica.dropCollection('c', done)))).toBe(true)
    expect(must(eu.await<boolean>((done) => eu.replica.dropCollection('c', done)))).toBe(false)
    expect(() => eu.put(2)).toThrow("doesn't exist")
    eu.time.run(5000)
    expect([...eu.storage.keys('')].filter((key) => key.includes(uid))).toEqual([`purged/${uid}`])
    eu.create()
    eu.put(1, { second: true })
    eu.restart()
    expect(eu.read(1)).toEqual({ second: true })
  })

  test('[RP21] a write that waited while its collection was dropped is refused, not lost silently', () => {
    const eu = node({ commitMs: 10 })
    eu.create()
    let dropped: boolean | undefined
    eu.replica.dropCollection('c', (result) => {
      dropped = result.ok
    })
    eu.time.run(3)
    const outcome = begin(eu, [put(1)])
    eu.time.until(() => outcome.error !== undefined, 'a refusal')
    expect(dropped).toBe(true)
    expect(outcome.error?.code).toBe('COLLECTION_NOT_FOUND')
  })
})

describe('the clock', () => {
  test('[RP50] a wall clock that was set back refuses writes until it is right, and stamps never go back', () => {
    const eu = node()
    eu.create()
    eu.put(1, { n: 1 })
    eu.clock.offsetMs = -10_000
    expect(() => eu.put(1, { n: 2 })).toThrow('clock went back')
    expect(eu.replica.readOnlyReason()?.code).toBe('CLOCK_SKEW')
    eu.restart()
    expect(() => eu.put(1, { n: 2 })).toThrow('clock went back')
    expect(eu.read(1)).toEqual({ n: 1 })
    eu.clock.offsetMs = -300
    eu.put(1, { n: 3 })
    expect(eu.read(1)).toEqual({ n: 3 })
  })
})
