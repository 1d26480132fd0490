import { storageConformance } from '@meridian/core/testing'
import { expect, test } from 'vitest'
import { MemoryContents } from './memory-contents.js'
import { MemoryStorage } from './memory-storage.js'

storageConformance('memory', async () => {
  const contents = new MemoryContents()
  let current = new MemoryStorage({ contents })
  return {
    storage: current,
    async reopen() {
      await current.close()
      current = new MemoryStorage({ contents })
      return current
    },
  }
})

test('[ST23] with a schedule given, nothing is done or visible until it runs, and then in the order of the calls', () => {
  const scheduled: (() => void)[] = []
  const storage = new MemoryStorage({ schedule: (run) => scheduled.push(run) })
  const order: string[] = []
  for (const key of ['a', 'b', 'c'])
    storage.commit([{ type: 'put', key, value: new Uint8Array(1) }], () => order.push([...storage.keys('')].join('')))
  expect([...storage.keys('')]).toEqual([])
  for (const run of scheduled.reverse()) run()
  expect(order).toEqual(['a', 'ab', 'abc'])
})

test('[ST24] the caller may reuse the bytes it handed over', async () => {
  const storage = new MemoryStorage()
  const value = Uint8Array.of(1, 2, 3)
  const done = new Promise((resolve) => storage.commit([{ type: 'put', key: 'a', value }], resolve))
  value.fill(9)
  await done
  expect(storage.get('a')).toEqual(Uint8Array.of(1, 2, 3))
})
