import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Storage, type StorageOp, StoreError } from '@meridian/core'
import { SeededRandom, type StorageFixture, storageConformance } from '@meridian/core/testing'
import { open } from 'lmdb'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { LmdbStorage } from './lmdb-storage.js'
import { sealValue } from './sealed-value.js'
import { PART_BYTES, partKey } from './value-parts.js'

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
const damage = async (key: string, alter: (stored: Uint8Array) => Uint8Array | undefined): Promise<void> => {
  const raw = open<Uint8Array, Uint8Array>({
    path: join(directory, 'store.mdb'),
    encoding: 'binary',
    keyEncoding: 'binary',
  })
  const name = Buffer.from(key, 'latin1')
  const altered = alter(raw.getBinary(name) ?? new Uint8Array(0))
  await (altered === undefined ? raw.remove(name) : raw.put(name, altered))
  await raw.flushed
  await raw.close()
}

/** Rows of `store.mdb`, whatever they are for. The storage must be closed. */
const rowsStored = async (): Promise<number> => {
  const raw = open<Uint8Array, Uint8Array>({ path: join(directory, 'store.mdb'), encoding: 'binary' })
  const { entryCount } = raw.getStats() as { entryCount: number }
  await raw.close()
  return entryCount
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

  test('[ST43] values of every length around whole pages replace each other, and no row of a former value is left', async () => {
    const { storage, reopen } = await fixture()
    const lengths = [
      0,
      1,
      2000,
      ...[1, 2, 3].flatMap((n) => [-5, -4, -3, 0].map((more) => n * PART_BYTES + more)),
      70_000,
    ]
    const bytesOf = (length: number, seed: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i * 31 + seed)
    for (const [round, first] of lengths.entries())
      for (const second of lengths) {
        await put(storage, 'k', bytesOf(first, round))
        await put(storage, 'k', bytesOf(second, round + 1))
        expect(Buffer.compare(storage.get('k')!, bytesOf(second, round + 1)), `${first}, then ${second}`).toBe(0)
        expect([...storage.keys('')]).toEqual(['k'])
      }
    await put(storage, 'k', bytesOf(PART_BYTES * 3, 1))
    await new Promise<void>((resolve) => storage.commit([{ type: 'delete', key: 'k' }], () => resolve()))
    await put(storage, 'prefix/k', bytesOf(70_000, 1))
    await new Promise<void>((resolve) => storage.commit([{ type: 'deletePrefix', prefix: 'prefix/' }], () => resolve()))
    await storage.close()
    expect(await rowsStored()).toBe(0)
    await (await reopen()).close()
  })

  test('[ST44] freed pages serve values of any size: overwriting at random keeps the file below 1.6 times what lives', async () => {
    const { storage } = await fixture()
    const random = new SeededRandom(7)
    const live = new Map<string, number>()
    const overwrite = async (rounds: number): Promise<void> => {
      for (let round = 0; round < rounds; round++) {
        const ops = Array.from({ length: 16 }, (): StorageOp => {
          const key = `k${random.int(800)}`
          const length = random.int(16) === 0 ? 60_000 : 4200 + random.int(1400)
          live.set(key, length)
          return { type: 'put', key, value: new Uint8Array(length).fill(round) }
        })
        await new Promise<void>((resolve, reject) =>
          storage.commit(ops, (error) => (error ? reject(error) : resolve())),
        )
      }
    }
    await overwrite(400)
    const liveBytes = [...live.values()].reduce((sum, length) => sum + length, 0)
    expect(statSync(join(directory, 'store.mdb')).size).toBeLessThan(1.6 * liveBytes)
    await storage.close()
  })

  test('[ST45] a large value that an earlier version stored in one row reads back, is replaced and goes', async () => {
    const { storage, reopen } = await fixture()
    await storage.close()
    const value = new Uint8Array(10_000).fill(5)
    await damage('old', () => sealValue(value))
    await damage('old2', () => sealValue(new Uint8Array(PART_BYTES - 4).fill(6)))
    const opened = await reopen()
    expect(Buffer.compare(opened.get('old')!, value)).toBe(0)
    expect(opened.get('old2')).toEqual(new Uint8Array(PART_BYTES - 4).fill(6))
    await put(opened, 'old', Uint8Array.of(1))
    expect(opened.get('old')).toEqual(Uint8Array.of(1))
    await opened.close()
    expect(await rowsStored()).toBe(2)
  })

  test('[ST15] a large value without one of its rows, or with one of them altered, is refused by name', async () => {
    const { storage, reopen } = await fixture()
    for (const key of ['cut', 'flipped', 'sound']) await put(storage, key, new Uint8Array(20_000).fill(9))
    await storage.close()
    await damage(partKey('cut', 2), () => undefined)
    await damage(partKey('flipped', 4), flipLastByte)
    const damaged = await reopen()
    for (const key of ['cut', 'flipped'])
      expect(() => damaged.get(key)).toThrow(
        expect.objectContaining({ code: 'STORAGE_CORRUPT', message: expect.stringContaining(key) }),
      )
    expect(damaged.get('sound')).toEqual(new Uint8Array(20_000).fill(9))
    await damaged.close()
  })
})
