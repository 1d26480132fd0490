import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Storage, StoreError } from '@meridian/core'
import { type StorageFixture, storageConformance } from '@meridian/core/testing'
import { open } from 'lmdb'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { LmdbStorage } from './lmdb-storage.js'

const root = mkdtempSync(join(tmpdir(), 'meridian-lmdb-'))
let directories = 0
let directory = ''
beforeEach(() => {
  directory = join(root, String(directories++))
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

const fixture = async (): Promise<StorageFixture> => {
  let current = await LmdbStorage.open({ directory, mapSizeBytes: 1024 * 1024 })
  return {
    storage: current,
    async reopen() {
      await current.close()
      current = await LmdbStorage.open({ directory })
      return current
    },
  }
}

/** Alters one stored value below the adapter, by lmdb's own hand. The storage must be closed. */
const damage = async (key: string, alter: (stored: Uint8Array) => Uint8Array): Promise<void> => {
  const raw = open<Uint8Array, Uint8Array>({
    path: join(directory, 'store.mdb'),
    encoding: 'binary',
    keyEncoding: 'binary',
  })
  const name = Buffer.from(key)
  await raw.put(name, alter(raw.getBinary(name) ?? new Uint8Array(0)))
  await raw.flushed
  await raw.close()
}

const flipLastByte = (stored: Uint8Array): Uint8Array => {
  const altered = Uint8Array.from(stored)
  altered[altered.length - 1]! ^= 0x10
  return altered
}

const put = (storage: Storage, key: string, value: Uint8Array): Promise<void> =>
  new Promise((resolve, reject) =>
    storage.commit([{ type: 'put', key, value }], (error) => (error ? reject(error) : resolve())),
  )

storageConformance('lmdb', fixture, {
  async corrupt(opened, key) {
    await opened.storage.close()
    await damage(key, flipLastByte)
    return opened.reopen()
  },
})

describe('lmdb storage', () => {
  test('[ST15] a value cut to less than a checksum is refused by name, and a flipped checksum is too', async () => {
    const { storage, reopen } = await fixture()
    await put(storage, 'short', Uint8Array.of(1, 2, 3))
    await put(storage, 'sum', Uint8Array.of(1, 2, 3))
    await storage.close()
    await damage('short', (stored) => stored.subarray(0, 3))
    await damage('sum', (stored) => Uint8Array.of(stored[0]! ^ 1, ...stored.subarray(1)))
    const damaged = await reopen()
    for (const key of ['short', 'sum'])
      expect(() => damaged.get(key)).toThrow(
        expect.objectContaining({ code: 'STORAGE_CORRUPT', message: expect.stringContaining(key) }),
      )
    await damaged.close()
  })

  test('[ST20] the map grows past its first size', async () => {
    const { storage, reopen } = await fixture()
    const value = new Uint8Array(1024 * 1024).fill(7)
    for (let i = 0; i < 8; i++) await put(storage, `k${i}`, value)
    const again = await reopen()
    for (let i = 0; i < 8; i++) expect(Buffer.compare(again.get(`k${i}`) ?? new Uint8Array(0), value)).toBe(0)
    await again.close()
  })

  test('[ST3] listings of more keys than are fetched at a time are whole, both ways', async () => {
    const { storage } = await fixture()
    const keys = Array.from({ length: 1000 }, (_, i) => `k/${String(i).padStart(4, '0')}`)
    await new Promise<void>((resolve, reject) =>
      storage.commit(
        ['j', ...keys, 'l'].map((key) => ({ type: 'put', key, value: new Uint8Array(1) })),
        (error) => (error ? reject(error) : resolve()),
      ),
    )
    expect([...storage.keys('k/')]).toEqual(keys)
    expect([...storage.keys('k/', { reverse: true })]).toEqual([...keys].reverse())
    expect([...storage.keys('k/', { from: 'k/0100', limit: 512 })]).toEqual(keys.slice(100, 612))
    expect([...storage.scan('k/', { from: 'k/0100', limit: 513, reverse: true })].map(([key]) => key)).toEqual(
      [...keys].reverse().slice(0, 513),
    )
    await storage.close()
  })

  test('[ST21] a closed storage refuses commits and reads', async () => {
    const { storage } = await fixture()
    await storage.close()
    await expect(put(storage, 'a', new Uint8Array(1))).rejects.toMatchObject({ code: 'STORAGE_FAILED' })
    expect(() => storage.get('a')).toThrow('the storage is open')
    expect(() => [...storage.keys('')]).toThrow('the storage is open')
  })

  test('[ST22] a store.mdb of something else is refused, and the directory is free afterwards', async () => {
    const { storage } = await fixture()
    await storage.close()
    writeFileSync(join(directory, 'store.mdb'), Buffer.alloc(64 * 1024, 'not a store'))
    for (let i = 0; i < 2; i++) {
      const error: unknown = await LmdbStorage.open({ directory }).catch((reason: unknown) => reason)
      expect(error).toBeInstanceOf(StoreError)
      expect(error).toMatchObject({ code: 'STORAGE_CORRUPT', message: expect.stringContaining('store.mdb') })
    }
  })
})
