import type { CollectionUid } from '@meridian/core'
import { expect, test } from 'vitest'
import type { StoredSnapshot } from './folder.js'
import { HolderSearch } from './holders.js'

const FILES = ['a', 'b'].map(
  (name): StoredSnapshot => ({
    ...{ name, collection: 'c', createdAt: '2026-01-01T00:00:00', size: 1, checksum: '' },
  }),
)
const COLLECTION = { name: 'c', uid: 'uid' as CollectionUid }
const open = new AbortController().signal

test('[SN21] of too many questions at once some hear that nothing was read', async () => {
  let release = (): void => {}
  const gate = new Promise<void>((resolve) => {
    release = resolve
  })
  let begin = (): void => {}
  const begun = new Promise<void>((resolve) => {
    begin = resolve
  })
  let lists = 0
  const list = async (): Promise<StoredSnapshot[]> => {
    begin()
    if (lists++ === 0) await gate
    return FILES
  }
  const search = new HolderSearch({ list, pathOf: () => '/nowhere/at/all' }, open)
  const waiting = Array.from({ length: 16 }, (_, id) => search.find(COLLECTION, id))
  await begun
  expect(await search.find(COLLECTION, 99)).toEqual({ snapshots: [], unread: 2 })
  release()
  // Files that are gone hold nothing.
  for (const each of await Promise.all(waiting)) expect(each).toEqual({ snapshots: [], unread: 0 })
  expect(await search.find(COLLECTION, 99)).toEqual({ snapshots: [], unread: 0 })
})

test('[SN21] what there is no time for is unread, and a stop ends it', async () => {
  const folder = { list: async () => FILES, pathOf: () => '/nowhere/at/all' }
  const late = new HolderSearch(folder, open, () => AbortSignal.abort(new Error('late')))
  expect(await late.find(COLLECTION, 1)).toEqual({ snapshots: [], unread: 2 })
  const stopped = new HolderSearch(folder, AbortSignal.abort(new Error('stopping')))
  await expect(stopped.find(COLLECTION, 1)).rejects.toThrow('stopping')
})
