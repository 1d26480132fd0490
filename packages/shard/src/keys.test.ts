import { type CollectionUid, StoreError } from '@meridian/core'
import { SeededRandom } from '@meridian/core/testing'
import { describe, expect, it } from 'vitest'
import {
  blockKey,
  clientBlockPrefix,
  decodeGone,
  encodeGone,
  goneKey,
  parseBlockKey,
  parseGoneKey,
  shardBlockPrefix,
} from './keys.js'
import { client } from './test-support.js'

const UID = '00112233445566ff' as CollectionUid

describe('storage keys', () => {
  it('[SK1] have a fixed form and read back', () => {
    expect(blockKey(UID, 3, client(1), 10)).toBe('block/00112233445566ff/0003/01000001/0000000a')
    expect(goneKey(UID, 3, client(255))).toBe('gone/00112233445566ff/0003/ff000001')
    expect(parseBlockKey(blockKey(UID, 255, client(255), 2 ** 31))).toEqual({
      uid: UID,
      shard: 255,
      client: client(255),
      clock: 2 ** 31,
    })
    expect(parseGoneKey(goneKey(UID, 9, client(7)))).toEqual({ uid: UID, shard: 9, client: client(7) })
    expect(blockKey(UID, 1, client(2), 3).startsWith(clientBlockPrefix(UID, 1, client(2)))).toBe(true)
    expect(clientBlockPrefix(UID, 1, client(2)).startsWith(shardBlockPrefix(UID, 1))).toBe(true)
    for (const key of [
      '',
      'block/',
      'block/00112233445566ff/3/01000001/0000000a',
      `${blockKey(UID, 1, client(1), 1)}0`,
    ])
      expect(() => parseBlockKey(key)).toThrow(StoreError)
    expect(() => parseGoneKey(blockKey(UID, 1, client(1), 1))).toThrow(StoreError)
  })

  it('[SK2] sort as shard, client, clock', () => {
    const random = new SeededRandom(1)
    const places = Array.from(
      { length: 300 },
      () => [random.int(256), client(1 + random.int(255), random.int(9)), random.int(2 ** 31)] as const,
    )
    const byNumber = [...places].sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2])
    expect(places.map((place) => blockKey(UID, ...place)).sort()).toEqual(
      byNumber.map((place) => blockKey(UID, ...place)),
    )
  })

  it('[SK3] removed ranges read back, and damaged ones are refused', () => {
    const id = client(1)
    const ranges = [
      { client: id, clock: 0, length: 3 },
      { client: id, clock: 4, length: 1 },
      { client: id, clock: 90_000, length: 70_000 },
    ]
    expect(decodeGone(encodeGone(ranges), id)).toEqual(ranges)
    expect(decodeGone(encodeGone([]), id)).toEqual([])
    for (const bytes of [
      [],
      [1],
      [1, 0, 0],
      [2, 0, 1, 0, 1],
      [1, 0, 1, 0],
      [0xff, 0xff, 0xff, 0x7f],
      [1, 0, 0xff, 0xff, 0xff, 0xff, 0x7f],
    ])
      expect(() => decodeGone(Uint8Array.from(bytes), id), bytes.join()).toThrow(StoreError)
  })
})
