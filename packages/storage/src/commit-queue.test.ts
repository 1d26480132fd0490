import { StoreError } from '@meridian/core'
import { expect, test } from 'vitest'
import { CommitQueue, type Effects } from './commit-queue.js'

/** A queue whose writes the test answers by hand. */
const manualQueue = () => {
  const writes: { keys: string[]; answer(error?: Error): void }[] = []
  let arrived = () => {}
  const queue = new CommitQueue({
    keys: () => [],
    seal: (values) => values.map((value) => value.slice()),
    write: (effects: Effects) =>
      new Promise((resolve, reject) => {
        writes.push({ keys: [...effects.keys()], answer: (error) => (error ? reject(error) : resolve()) })
        arrived()
      }),
  })
  const log: string[] = []
  return {
    queue,
    log,
    commit: (key: string, value = new Uint8Array(1)) =>
      queue.commit([{ type: 'put', key, value }], (error) =>
        log.push(`${key} ${error === undefined ? 'done' : (error as StoreError).code}`),
      ),
    async nextWrite() {
      if (writes.length === 0)
        await new Promise<void>((resolve) => {
          arrived = resolve
        })
      return writes.shift()!
    },
    writes,
  }
}

const full = (): StoreError => new StoreError('STORAGE_FULL', 'full')
const failed = (): StoreError => new StoreError('STORAGE_FAILED', 'failed')

test('[ST25] commits of one turn share a flush, and those that arrive during a flush share the next', async () => {
  const { commit, nextWrite, queue, log } = manualQueue()
  commit('a')
  commit('b')
  const first = await nextWrite()
  expect(first.keys).toEqual(['a', 'b'])
  commit('c')
  commit('d')
  expect(log).toEqual([])
  first.answer()
  const second = await nextWrite()
  expect(second.keys).toEqual(['c', 'd'])
  expect(log).toEqual(['a done', 'b done'])
  second.answer()
  await queue.idle()
  expect(log).toEqual(['a done', 'b done', 'c done', 'd done'])
})

test('[ST26] a full disk refuses the group and all that was called meanwhile, and nothing after', async () => {
  const { commit, nextWrite, queue, log } = manualQueue()
  commit('a')
  const first = await nextWrite()
  commit('b')
  first.answer(full())
  await queue.idle()
  expect(log).toEqual(['a STORAGE_FULL', 'b STORAGE_FULL'])
  commit('c')
  ;(await nextWrite()).answer()
  await queue.idle()
  expect(log.at(-1)).toBe('c done')
})

test('[ST16] after a failed flush nothing is written any more', async () => {
  const { commit, nextWrite, queue, log, writes } = manualQueue()
  commit('a')
  const first = await nextWrite()
  commit('b')
  first.answer(failed())
  await queue.idle()
  commit('c')
  await queue.idle()
  expect(log).toEqual(['a STORAGE_FAILED', 'b STORAGE_FAILED', 'c STORAGE_FAILED'])
  expect(writes).toEqual([])
})

test('[ST16] an error of unknown kind counts as a failed flush', async () => {
  const { commit, nextWrite, queue, log } = manualQueue()
  commit('a')
  ;(await nextWrite()).answer(new StoreError('STORAGE_CORRUPT', 'a page is damaged'))
  await queue.idle()
  commit('b')
  await queue.idle()
  expect(log).toEqual(['a STORAGE_FAILED', 'b STORAGE_FAILED'])
})

test('[ST27] a group is bounded in bytes; a batch beyond the bound goes alone', async () => {
  const { commit, nextWrite, queue } = manualQueue()
  const bytes = 20 * 1024 * 1024
  commit('a', new Uint8Array(bytes))
  commit('b', new Uint8Array(bytes))
  commit('c', new Uint8Array(2 * bytes))
  commit('d')
  const groups: string[][] = []
  for (let i = 0; i < 4; i++) {
    const write = await nextWrite()
    groups.push(write.keys)
    write.answer()
  }
  await queue.idle()
  expect(groups).toEqual([['a'], ['b'], ['c'], ['d']])
})

test('[ST28] a key that is empty, too long or not ASCII is a bug of the caller', () => {
  const { queue } = manualQueue()
  for (const key of ['', 'x'.repeat(201), 'ü', 'a\0'])
    expect(() => queue.commit([{ type: 'delete', key }], () => {})).toThrow('assertion failed')
})

test('[ST24] the caller may reuse the bytes it handed over', async () => {
  let written: Effects | undefined
  const queue = new CommitQueue({
    keys: () => [],
    seal: (values) => values.map((value) => value.slice()),
    write: async (effects) => {
      written = effects
    },
  })
  const value = Uint8Array.of(1, 2, 3)
  queue.commit([{ type: 'put', key: 'a', value }], () => {})
  value.fill(9)
  await queue.idle()
  expect(written?.get('a')).toEqual(Uint8Array.of(1, 2, 3))
})
