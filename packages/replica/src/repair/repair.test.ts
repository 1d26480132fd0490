import { expect, test } from 'vitest'
import { encodeMessage } from '../message.js'
import { converge, del, patch, put, TestNode } from '../test-node.js'
import { TestTime } from '../test-time.js'

const SETTINGS = { blockCacheBytes: 0, payloadCacheBytes: 0, scrubMs: 2000, maintenanceMs: 100 }

/** Longer than what views keep of blocks. */
const TEXT = 'x'.repeat(300_000)

/** An index that finds what it was handed once `finish` was called. */
const laggard = () => {
  const waiting: (() => void)[] = []
  const finish = (): void => {
    for (const done of waiting.splice(0)) done()
  }
  return { searchable: (done: () => void) => void waiting.push(done), finish }
}

const REFUSED = expect.objectContaining({ code: 'STORAGE_CORRUPT' })

/** Two linked regions; each wrote records of its own, a transaction each. */
const pair = (text = '') => {
  const time = new TestTime()
  const eu = new TestNode(time, 'eu', 1, { settings: SETTINGS })
  const us = new TestNode(time, 'us', 2, { settings: SETTINGS })
  eu.create()
  const link = eu.link(us)
  converge(time, eu, us)
  for (let i = 0; i < 12; i++) (i % 2 === 0 ? eu : us).put(i, { i, text }, [i, 1, 0, 0])
  converge(time, eu, us)
  return { time, eu, us, link }
}

const blocksOf = (node: TestNode): string[] => [...node.storage.keys('block/')]

/** What a sealed store answers for a row of which a byte was flipped. */
const damage = (node: TestNode, keys: readonly string[]): void => {
  const bad = new Map(keys.map((key) => [key, node.contents.get(key)]))
  node.isDamaged = (key) => bad.has(key) && node.contents.get(key) === bad.get(key)
}

const lose = (node: TestNode, keys: readonly string[]): void => {
  node.contents.apply(keys.map((key) => ({ type: 'delete', key })))
}

test('[RD1] the scrub finds damaged and missing rows nobody reads, and the bytes of a peer take their place', () => {
  const { time, eu, us } = pair()
  const keys = blocksOf(us)
  const before = keys.map((key) => us.storage.get(key))
  lose(us, keys.slice(0, 3))
  damage(us, keys.slice(3, 6))
  time.until(() => us.replica.status().damage.repaired === 6, 'six repairs')
  expect(us.replica.status().damage).toMatchObject({ blocks: 0, found: 6, repaired: 6, unreadable: [] })
  expect(keys.map((key) => us.storage.get(key))).toEqual(before)
  expect(us.warnings.join()).toContain(`block ${keys[0]} is damaged: its row is missing`)
  us.restart()
  expect(us.digests()).toEqual(eu.digests())
  expect(us.replica.status().damage.found).toBe(0)
})

test('[RD2] a record in a damaged block answers an error that says so, others are read; then it is read again', () => {
  const { time, us } = pair(TEXT)
  damage(us, blocksOf(us))
  const reads = Array.from({ length: 12 }, (_, i) => () => us.read(i))
  for (const read of reads)
    expect(read).toThrow(
      expect.objectContaining({ code: 'STORAGE_CORRUPT', message: expect.stringContaining('ask another region') }),
    )
  time.until(() => us.replica.status().damage.blocks === 0, 'repairs')
  expect(reads.map((read) => read()?.i)).toEqual(Array.from({ length: 12 }, (_, i) => i))
})

test('[RD3] a region starts with damaged rows, refuses to read the collection, and reads it when they are back', () => {
  const { time, eu, us } = pair()
  const keys = blocksOf(us)
  lose(us, [keys[1]!, keys.at(-1)!])
  damage(us, [keys[2]!])
  us.crash()
  us.start()
  expect(us.replica.status().damage).toMatchObject({ blocks: 3, unreadable: ['c'] })
  expect(() => us.replica.collection('c')).toThrow(expect.objectContaining({ code: 'STORAGE_CORRUPT' }))
  const resolved = us.await((done) => us.replica.write({ collection: 'c', ops: () => [put(1)] }, done))
  expect(resolved.error?.code).toBe('STORAGE_CORRUPT')
  us.put('new', { blind: true })
  const behind = new TestNode(time, 'ap', 3, { settings: SETTINGS })
  us.link(behind)
  time.run(3000)
  us.link(eu)
  time.until(() => us.replica.status().damage.blocks === 0, 'repairs')
  converge(time, eu, us, behind)
  expect(us.digests()).toEqual(eu.digests())
  expect(behind.digests()).toEqual(eu.digests())
  expect(us.searched()).toEqual(eu.searched())
  us.restart()
  expect(us.digests()).toEqual(eu.digests())
})

test('[RD4] what a damaged block hides from the index is found again once it is repaired', () => {
  const { time, us } = pair(TEXT)
  us.replica.resyncSpace(us.replica.collection('c').uid, '')
  const all = us.searched()
  damage(us, blocksOf(us))
  us.replica.resyncSpace(us.replica.collection('c').uid, '')
  expect(us.searched()).toEqual([])
  us.write([patch(2, { more: true })])
  time.until(() => us.replica.status().damage.blocks === 0, 'repairs')
  expect(us.searched()).toEqual(all)
})

test('[RD8] a space opened anew without what a damaged block holds is not searched until it has it; other reads go on', () => {
  const { time, eu, us, link } = pair(TEXT)
  const collection = () => us.replica.collection('c')
  const [key] = blocksOf(us)
  const all = us.searched()
  damage(us, [key!])
  expect(collection().searchable('')).toEqual(collection().space(''))
  us.replica.resyncSpace(collection().uid, '')
  expect(us.searched()).toHaveLength(11)
  expect(() => collection().searchable('')).toThrow(REFUSED)
  const lost = all.filter((id) => !us.searched().includes(id))
  expect(() => collection().searchable('')).toThrow(
    `the index lacks vectors in damaged blocks, 1 in all, that of point ${lost[0]} among them`,
  )
  for (const id of us.searched()) expect(us.read(id)).toMatchObject({ i: id })
  time.until(() => us.replica.status().damage.blocks === 0, 'the repair')
  expect(collection().searchable('')).toEqual(collection().space(''))
  expect(us.searched()).toEqual(all)

  // What is overwritten or deleted is missing no longer, repaired or not.
  link.cut()
  damage(us, blocksOf(us).slice(0, 2))
  us.replica.resyncSpace(collection().uid, '')
  const two = all.filter((id) => !us.searched().includes(id))
  expect(two).toHaveLength(2)
  us.write([del(two[0]!)])
  expect(() => collection().searchable('')).toThrow(REFUSED)
  us.put(two[1]!, { i: 'anew' })
  expect(collection().searchable('')).toEqual(collection().space(''))
  us.link(eu)
  converge(time, eu, us)
  time.until(() => us.replica.status().damage.blocks === 0, 'the repairs')
  expect(us.searched()).toEqual(eu.searched())
})

test('[RD5] bytes of another run are not taken, nor any that do not decode', () => {
  const { time, us, link } = pair(TEXT)
  const [key] = blocksOf(us)
  const good = us.storage.get(key!)!
  const other = us.storage.get(blocksOf(us)[1]!)!
  damage(us, [key!])
  let lies = 0
  link.near.meddle = link.far.meddle = (frame, message) => {
    if (message?.type !== 'block') return [frame]
    lies++
    const bytes = lies % 2 === 0 ? other : good.slice(0, -1)
    return [encodeMessage({ ...message, bytes })]
  }
  time.until(() => lies > 3, 'false answers')
  expect(us.replica.status().damage).toMatchObject({ blocks: 1, repaired: 0 })
  link.near.meddle = link.far.meddle = (frame) => [frame]
  time.until(() => us.replica.status().damage.blocks === 0, 'the repair')
  expect(us.storage.get(key!)).toEqual(good)
})

test('[RD6] a damaged note of removals is made anew from what peers say', () => {
  const time = new TestTime()
  const settings = { ...SETTINGS, amplificationMax: 1.1 }
  const eu = new TestNode(time, 'eu', 1, { settings })
  const us = new TestNode(time, 'us', 2, { settings })
  eu.create()
  eu.link(us)
  for (let round = 0; round < 6; round++) for (let i = 0; i < 12; i++) eu.put(i, { round })
  time.until(() => eu.replica.status().counters.blocksCleaned > 20, 'cleaning')
  converge(time, eu, us)
  const gone = [...us.storage.keys('gone/')]
  expect(gone.length).toBeGreaterThan(0)
  damage(us, gone)
  us.crash()
  time.run(10)
  us.start()
  expect(us.replica.status().damage.blocks).toBeGreaterThan(5)
  us.link(eu)
  time.until(() => us.replica.status().damage.blocks === 0, 'the removals')
  converge(time, eu, us)
  us.restart()
  expect(us.replica.status().damage.found).toBe(0)
  expect(us.digests()).toEqual(eu.digests())
})

test('[RD7] a collection whose damaged blocks are back is read once searches find what they hold', () => {
  const time = new TestTime()
  const { searchable, finish } = laggard()
  const eu = new TestNode(time, 'eu', 1, { settings: SETTINGS })
  const us = new TestNode(time, 'us', 2, { settings: SETTINGS, searchable })
  eu.create()
  eu.link(us)
  for (let i = 0; i < 6; i++) eu.put(i, { i })
  converge(time, eu, us)
  damage(us, blocksOf(us).slice(0, 3))
  us.crash()
  finish()
  time.run(10)
  us.start()
  const { merged } = us.replica.vectors
  us.link(eu)
  time.until(() => us.replica.status().damage.repaired === 3, 'repairs')
  // No barrier waits for what the region had before it started.
  expect(us.replica.vectors.indexed.dominates(merged)).toBe(true)
  expect(us.replica.status().damage).toMatchObject({ blocks: 0, unreadable: ['c'] })
  expect(() => us.replica.collection('c')).toThrow(REFUSED)
  finish()
  expect(us.replica.status().damage.unreadable).toEqual([])
  expect(us.replica.collection('c').liveCount).toBe(6)
})

test('[RD7] and so is one whose damaged blocks turn out to be removed', () => {
  const time = new TestTime()
  const { searchable, finish } = laggard()
  const settings = { ...SETTINGS, amplificationMax: 1.1 }
  const eu = new TestNode(time, 'eu', 1, { settings })
  const us = new TestNode(time, 'us', 2, { settings, searchable })
  eu.create()
  eu.link(us)
  for (let round = 0; round < 6; round++) for (let i = 0; i < 12; i++) eu.put(i, { round })
  time.until(() => eu.replica.status().counters.blocksCleaned > 20, 'cleaning')
  converge(time, eu, us)
  damage(us, [...us.storage.keys('gone/')])
  us.crash()
  finish()
  time.run(10)
  us.start()
  expect(us.replica.status().damage.blocks).toBeGreaterThan(5)
  us.link(eu)
  time.until(() => us.replica.status().damage.blocks === 0, 'the removals')
  expect(() => us.replica.collection('c')).toThrow(REFUSED)
  finish()
  expect(us.replica.collection('c').liveCount).toBe(12)
})
