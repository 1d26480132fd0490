import { StoreError } from '@meridian/core'
import { SeededRandom } from '@meridian/core/testing'
import { expect, it } from 'vitest'
import type { Catalog } from './catalog.js'
import { bodyOf, create, drop, edit, fastestMs, forge, member, openAs, seal, uidOf } from './testing/fixture.js'

const ROUNDS_DAMAGED = 100_000
const ROUNDS_SEALED = 6_000
const LIMIT_MS = 50

/** An honest or forged change, and those it builds on. */
interface Sample {
  readonly before: readonly Uint8Array[]
  readonly bytes: Uint8Array
}

const SAMPLES: readonly Sample[] = (() => {
  const author = openAs(2)
  const edits = [
    create('a', 1),
    create('b', 2, { size: 9 }),
    drop(uidOf(1)),
    member(2),
    member(2, { status: 'retired' }),
  ]
  const own = edits.flatMap((each) => edit(author, each))
  const forged = [
    forge((document) => {
      document.extra.list = [1, 2.5, -3, null, true, false, 'text', new Date(9), new Uint8Array([1, 2]), { deep: [[]] }]
    }),
    forge((document) => {
      document.members['3'] = { region: 'eu', storeId: 's', status: 'active', sinceMs: 1 }
      document.collections.x = ['unsound']
      document.policies.words = 'a text that merges by the character'
    }),
  ]
  return [
    ...own.map((bytes, at) => ({ before: own.slice(0, at), bytes })),
    ...forged.map((bytes) => ({ before: [], bytes })),
  ]
})()
const CORPUS = SAMPLES.map((each) => each.bytes)

/** One to four edits: a bit, a byte, a cut, a repeated stretch, a stretch of another, or a long integer put in. */
const mutate = (random: SeededRandom, source: Uint8Array): Uint8Array => {
  let bytes = Buffer.from(source)
  for (let left = 1 + random.int(4); left > 0 && bytes.length > 0; left--) {
    const at = random.int(bytes.length)
    const length = random.int(Math.min(16, bytes.length - at) + 1)
    const donor = random.pick(CORPUS)
    const from = random.int(donor.length)
    switch (random.int(6)) {
      case 0:
        bytes[at] = bytes[at]! ^ (1 << random.int(8))
        break
      case 1:
        bytes[at] = random.int(256)
        break
      case 2:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)])
        break
      case 3:
        bytes = Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)])
        break
      case 4:
        bytes = Buffer.concat([bytes.subarray(0, at), donor.subarray(from, from + length), bytes.subarray(at + length)])
        break
      case 5:
        bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from('ffffffff07', 'hex'), bytes.subarray(at + 1)])
    }
  }
  return bytes
}

const fingerprint = (catalog: Catalog): string => catalog.canonicalState() + Buffer.from(catalog.save()).toString('hex')

/** Whether it stays slow when tried again. */
const isSlow = (sample: Sample): boolean => {
  const run = (): void => {
    try {
      openAs(1).apply([...sample.before, sample.bytes])
    } catch (error) {
      expect(error).toBeInstanceOf(StoreError)
    }
  }
  return fastestMs(run) > LIMIT_MS
}

it('[CH9] a damaged change is refused, and nothing is applied', () => {
  const random = new SeededRandom(11)
  const catalog = openAs(1)
  const before = fingerprint(catalog)
  const slow: Uint8Array[] = []
  for (let round = 0; round < ROUNDS_DAMAGED; round++) {
    const source = random.pick(CORPUS)
    const bytes = mutate(random, source)
    // Edits can undo one another.
    if (source.length === bytes.length && Buffer.compare(source, bytes) === 0) continue
    const started = performance.now()
    expect(() => catalog.apply([bytes])).toThrow(StoreError)
    if (performance.now() - started > LIMIT_MS) slow.push(bytes)
  }
  expect(fingerprint(catalog)).toBe(before)
  expect(slow.filter((bytes) => isSlow({ before: [], bytes }))).toEqual([])
})

it('[CH10] a forged change whose checksum holds is refused whole or harmless: honest work goes on, in any order', () => {
  const random = new SeededRandom(12)
  const [honest] = edit(openAs(8), create('honest', 80))
  const catalogs = new Map<Sample, { readonly catalog: Catalog; readonly before: string }>()
  const ready = (sample: Sample): { readonly catalog: Catalog; readonly before: string } => {
    const known = catalogs.get(sample)
    if (known !== undefined) return known
    const catalog = openAs(1)
    catalog.apply(sample.before)
    const fresh = { catalog, before: fingerprint(catalog) }
    catalogs.set(sample, fresh)
    return fresh
  }
  const slow: Sample[] = []
  let taken = 0
  for (let round = 0; round < ROUNDS_SEALED; round++) {
    const sample = random.pick(SAMPLES)
    const bytes = seal(1, mutate(random, bodyOf(sample.bytes)))
    const { catalog, before } = ready(sample)
    const started = performance.now()
    try {
      catalog.apply([bytes])
      taken++
    } catch (error) {
      expect(error).toBeInstanceOf(StoreError)
      expect(fingerprint(catalog)).toBe(before)
      continue
    } finally {
      if (performance.now() - started > LIMIT_MS) slow.push({ before: sample.before, bytes })
    }
    catalogs.delete(sample)
    catalog.apply([honest!])
    const mine = edit(catalog, create(`mine ${round}`, 0x1000000 + round))
    expect(catalog.find('honest')).toBeDefined()
    expect(catalog.find(`mine ${round}`)).toBeDefined()
    const again = openAs(1, catalog.save())
    expect(again.canonicalState()).toBe(catalog.canonicalState())
    const other = openAs(5)
    for (const each of [...mine, honest!, bytes, ...sample.before.slice().reverse()]) other.apply([each])
    expect(other.canonicalState()).toBe(catalog.canonicalState())
    for (const each of [again, other, catalog]) each.close()
  }
  expect(taken).toBeGreaterThan(100)
  expect(slow.filter(isSlow)).toEqual([])
})
