import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { assert, StoreError, unreachable } from './errors.js'
import {
  BOOT_MAX,
  clientIdOf,
  defaultReplicaId,
  parseCollectionUid,
  parseRegionId,
  parseReplicaId,
  replicaOfClient,
} from './ids.js'
import { anyReplica } from './testing/arbitraries.js'

const badRequest = expect.objectContaining({ code: 'BAD_REQUEST' })

describe('names and numbers', () => {
  it('[NM1] a region is 1-32 characters of a-z, 0-9 and -, starting with a letter', () => {
    for (const good of ['a', 'eu', 'us-east-1', 'z'.repeat(32)]) expect(parseRegionId(good)).toBe(good)
    for (const bad of ['', '1a', '-a', 'EU', 'a_b', 'a b', 'é', 'eu\n', 'z'.repeat(33)])
      expect(() => parseRegionId(bad), bad).toThrow(badRequest)
  })

  it('[NM2] a replica number is an integer from 1 to 255, and a region without one gets the same one everywhere', () => {
    for (const good of [1, 255]) expect(parseReplicaId(good)).toBe(good)
    for (const bad of [0, 256, -1, 1.5, Number.NaN]) expect(() => parseReplicaId(bad)).toThrow(badRequest)
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z][a-z0-9-]{0,31}$/), (name) => {
        const replica = defaultReplicaId(parseRegionId(name))
        expect(parseReplicaId(replica)).toBe(replica)
      }),
    )
    expect(['eu', 'us', 'ap'].map((name) => defaultReplicaId(parseRegionId(name)))).toEqual([99, 115, 113])
  })

  it('[NM3] a client id fits 32 bits unsigned and names its replica; another boot is another client', () => {
    fc.assert(
      fc.property(anyReplica, fc.integer({ min: 0, max: BOOT_MAX - 1 }), (replica, boot) => {
        const client = clientIdOf(replica, boot)
        expect(replicaOfClient(client)).toBe(replica)
        expect(client >>> 0).toBe(client)
        expect(clientIdOf(replica, boot + 1)).toBe(client + 1)
      }),
    )
  })

  it('[NM4] a collection uid is 16 lower-case hex digits', () => {
    expect(parseCollectionUid('0123456789abcdef')).toBe('0123456789abcdef')
    for (const bad of ['', '0123456789abcde', '0123456789ABCDEF', '0123456789abcdefg', '0123456789abcdef\n'])
      expect(() => parseCollectionUid(bad)).toThrow(badRequest)
  })

  it('[NM5] an operating error carries its code and cause; a broken promise of the code is another kind of error', () => {
    const cause = new Error('disk')
    expect(new StoreError('STORAGE_FAILED', 'why', { cause })).toMatchObject({
      name: 'StoreError',
      code: 'STORAGE_FAILED',
      cause,
    })
    assert(true, 'holds')
    expect(() => assert(false, 'broken')).toThrow('assertion failed: broken')
    expect(() => unreachable('x' as never)).toThrow('unreachable: "x"')
  })
})
