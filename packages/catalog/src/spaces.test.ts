import { ImmutableString } from '@automerge/automerge'
import { HNSW_DEFAULT, type SpaceParams, StoreError, spacesOf } from '@meridian/core'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Catalog } from './catalog.js'
import type { CatalogMutation } from './mutation.js'
import { create, drop, edit, forge, openAs, stamp, uidOf } from './testing/fixture.js'

const dense = (size: number): SpaceParams => ({ size, metric: 'Dot', hnsw: HNSW_DEFAULT })
const SPARSE: SpaceParams = { modifier: 'none' }
const add = (ms: number, name: string, params: SpaceParams = dense(2), writer = 1): CatalogMutation => ({
  ...{ type: 'addSpace', collection: 'a', name, params, stamp: stamp(ms, writer), nowMs: ms },
})
const take = (ms: number, name: string, writer = 1): CatalogMutation => ({
  ...{ type: 'dropSpace', collection: 'a', name, stamp: stamp(ms, writer), nowMs: ms },
})
const pair = (): [Catalog, Catalog] => {
  const one = openAs(1)
  edit(one, create('a', 1))
  return [one, openAs(2, one.save())]
}
const exchange = (one: Catalog, two: Catalog): void => {
  const saved = two.save()
  two.merge(one.save())
  one.merge(saved)
  expect(one.canonicalState()).toBe(two.canonicalState())
  expect(one.find('a')).toEqual(two.find('a'))
}
const spaces = (catalog: Catalog) => catalog.find('a')!.spaces.map(({ name }) => name)
const keyOf = (catalog: Catalog, name: string) => catalog.find('a')!.spaces.find((each) => each.name === name)?.key
const refusal = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    if (error instanceof StoreError) return `${error.code}: ${error.message}`
    throw error
  }
  return 'none'
}

it('[CV1] a vector space is added and dropped; saying it again changes nothing', () => {
  const [one] = pair()
  edit(one, add(10, 'title', dense(5)))
  edit(one, add(11, 'words', SPARSE))
  expect(spacesOf(one.find('a')!.config).map(([name]) => name)).toEqual(['', 'title', 'words'])
  expect(one.find('a')!.config.vectors.title).toEqual(dense(5))
  expect(edit(one, add(12, 'title', dense(5)))).toEqual([])
  edit(one, take(13, 'title'))
  edit(one, take(14, ''))
  expect(one.find('a')!.config).toEqual({ vectors: {}, sparse: { words: SPARSE }, shards: 4 })
  expect(edit(one, take(15, 'title'))).toEqual([])
  expect(openAs(3, one.save()).canonicalState()).toBe(one.canonicalState())
})

it('[CV2] what cannot be added or dropped is refused in words, and changes nothing', () => {
  const [one] = pair()
  edit(one, add(10, 'v'))
  edit(one, add(10, 's', SPARSE, 2))
  const before = one.canonicalState()
  const cases: [CatalogMutation, string][] = [
    [add(11, 'v', dense(3)), 'WRONG_INPUT: Vector `v` already exists with a different configuration'],
    [add(11, 's', { modifier: 'idf' }), 'WRONG_INPUT: Sparse vector `s` already exists with a different configuration'],
    [add(11, 's'), 'WRONG_INPUT: Vector `s` already exists as a sparse vector'],
    [add(11, 'v', SPARSE), 'WRONG_INPUT: Vector `v` already exists as a dense vector'],
    [add(11, 'x'.repeat(201)), 'VALIDATION: [vector_name: a vector name that is added must be 1 to 200 bytes'],
    [add(11, ''), 'WRONG_INPUT: Vector `` already exists'],
    [add(11, 'a\0b'), 'VALIDATION: [vector_name: a vector name that is added has no zero byte'],
    [add(11, 'v~0123abcd'), 'VALIDATION: [vector_name: a name does not end in ~'],
    [add(11, 'w', dense(0)), 'VALIDATION: [vector_name: vector "w": size'],
    [{ ...add(11, 'w'), collection: 'none' } as CatalogMutation, 'COLLECTION_NOT_FOUND'],
  ]
  for (const [mutation, words] of cases) expect(refusal(() => edit(one, mutation))).toContain(words)
  edit(one, take(12, 'v'))
  edit(one, take(13, ''))
  expect(one.canonicalState()).not.toBe(before)
})

it('[CV3] a name that is dropped and added anew has another key, and so has one of the creation', () => {
  const [one] = pair()
  edit(one, add(10, 'v'))
  const first = keyOf(one, 'v')
  edit(one, take(11, 'v'))
  edit(one, add(12, 'v'))
  expect(keyOf(one, 'v')).not.toBe(first)
  const base = keyOf(one, '')
  expect(base).toBe('')
})

it('[CV4] two regions that add one name alike have one space; unlike, the elder has the name and the other stays beside it', () => {
  const [one, two] = pair()
  edit(one, add(10, 'v', dense(2), 1))
  edit(two, add(11, 'v', dense(2), 2))
  exchange(one, two)
  expect(spaces(one)).toEqual(['', 'v'])
  expect(one.find('a')!.spaces[1]!.parts).toHaveLength(2)
  edit(one, add(20, 'w', dense(2), 1))
  edit(two, add(19, 'w', dense(3), 2))
  exchange(one, two)
  const [, , elder, other] = one.find('a')!.spaces
  expect([elder!.name, elder!.params]).toEqual(['w', dense(3)])
  expect(other!.name).toMatch(/^w~[0-9a-f]{8}$/)
  expect(other!.params).toEqual(dense(2))
  // Once the elder is dropped, the other takes the name, with what it has.
  edit(two, take(21, 'w', 2))
  exchange(one, two)
  expect(keyOf(one, 'w')).toBe(other!.key)
  edit(one, take(22, 'w'))
  expect(spaces(one)).toEqual(['', 'v'])
})

it('[CV5] a drop covers the additions that its author saw; one made alike elsewhere at the time stays', () => {
  const [one, two] = pair()
  edit(one, add(10, 'v', dense(2), 1))
  const key = keyOf(one, 'v')
  edit(one, take(11, 'v'))
  edit(two, add(9, 'v', dense(2), 2))
  exchange(one, two)
  expect(keyOf(one, 'v')).toBe(key)
  edit(one, take(12, 'v'))
  exchange(one, two)
  expect(spaces(two)).toEqual([''])
  // A drop and an addition anew, while the other region drops too.
  edit(one, add(20, 'v', dense(2), 1))
  exchange(one, two)
  edit(one, take(21, 'v', 1))
  edit(one, add(22, 'v', dense(2), 1))
  const anew = keyOf(one, 'v')
  edit(two, take(30, 'v', 2))
  exchange(one, two)
  expect(keyOf(two, 'v')).toBe(anew)
})

it('[CV6] creations that merge into one collection share their spaces; a space of the creation goes with its last incarnation', () => {
  const one = openAs(1)
  const two = openAs(2)
  edit(one, create('a', 1))
  edit(two, create('a', 2))
  edit(one, add(10, 'v', dense(2), 1))
  edit(two, add(11, 'v', dense(2), 2))
  edit(two, add(12, 'w', SPARSE, 2))
  edit(two, take(13, '', 2))
  exchange(one, two)
  expect(spaces(one)).toEqual(['', 'v', 'w'])
  edit(one, take(14, ''))
  exchange(one, two)
  expect(spaces(two)).toEqual(['v', 'w'])
  edit(one, drop(uidOf(1)))
  exchange(one, two)
  expect(spaces(two)).toEqual(['v', 'w'])
})

it('[CV7] a modifier is set over the one of the space, and settings of a name end with its space', () => {
  const [one, two] = pair()
  edit(one, add(10, 's', SPARSE))
  edit(one, {
    ...{ type: 'changeSettings', collection: 'a', stamp: stamp(11), nowMs: 11 },
    settings: [
      { path: ['sparse_vectors', 's', 'modifier'], value: 'idf' },
      { path: ['sparse_vectors', 's', 'index', 'on_disk'], value: true },
      { path: ['metadata', 's'], value: 1 },
    ],
  })
  exchange(one, two)
  expect(two.find('a')!.config.sparse).toEqual({ s: { modifier: 'idf' } })
  edit(one, take(12, 's'))
  edit(one, add(13, 's', SPARSE))
  expect(one.find('a')!.config.sparse).toEqual({ s: SPARSE })
  expect(one.find('a')!.settings.map(({ path }) => path)).toEqual([['metadata', 's']])
})

it('[CV8] nonsense among the spaces is skipped and named', () => {
  const text = (value: string) => new ImmutableString(value)
  const [one] = pair()
  const tag = `+${'0'.repeat(4)}`
  one.apply([
    forge((document) => {
      const base = `spaces/${uidOf(1)}/`
      document.extra[`${base}${tag}`] = text('{"stamp":[1,0,1],"value":{"name":"v","generation":1,"params":{}}}')
      document.extra[`${base}-x`] = text('{"stamp":[1,0,1],"value":7}')
      document.extra[`${base}?`] = text('{"stamp":[1,0,1],"value":true}')
      document.extra['spaces/nonsense/-=x'] = text('{"stamp":[1,0,1],"value":true}')
      document.extra[`${base}+y`] = 7
    }),
  ])
  expect(one.problems()).toHaveLength(5)
  expect(spaces(one)).toEqual([''])
})

it('[CV9] any additions and drops on three replicas that meet now and then end in one state, with one holder a name', () => {
  const step = fc.record({
    who: fc.nat(2),
    what: fc.constantFrom('add', 'add', 'drop', 'meet', 'set'),
    name: fc.constantFrom('', 'v', 'w'),
    n: fc.integer({ min: 1, max: 2 }),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 24 }), (steps) => {
      const one = openAs(1)
      edit(one, create('a', 1))
      const all = [one, openAs(2, one.save()), openAs(3)]
      edit(all[2]!, create('a', 2))
      let ms = 100
      for (const { who, what, name, n } of steps) {
        ms += 1
        const catalog = all[who]!
        if (what === 'meet') {
          const other = all[(who + n) % 3]!
          exchange(catalog, other)
          continue
        }
        const keys = new Set(catalog.find('a')!.spaces.map(({ key }) => key))
        refusal(() =>
          edit(
            catalog,
            what === 'add'
              ? add(ms, name, n === 1 ? dense(2) : SPARSE, who + 1)
              : what === 'drop'
                ? take(ms, name, who + 1)
                : {
                    ...{ type: 'changeSettings', collection: 'a', stamp: stamp(ms, who + 1), nowMs: ms },
                    settings: [{ path: ['sparse_vectors', name, 'modifier'], value: n === 1 ? 'idf' : 'none' }],
                  },
          ),
        )
        // What is added has a key of its own, unless it is there already.
        const fresh = catalog.find('a')!.spaces.filter(({ key }) => !keys.has(key))
        expect(fresh.length).toBeLessThanOrEqual(1)
      }
      exchange(all[0]!, all[1]!)
      exchange(all[1]!, all[2]!)
      exchange(all[0]!, all[1]!)
      const { spaces: found, config } = all[0]!.find('a')!
      expect(all[2]!.find('a')!.spaces).toEqual(found)
      expect(new Set(found.map(({ name }) => name)).size).toBe(found.length)
      expect(new Set(found.map(({ key }) => key)).size).toBe(found.length)
      expect(spacesOf(config)).toHaveLength(found.length)
      for (const each of all) each.close()
    }),
    { numRuns: 150 },
  )
})

it('[CV10] a collection may have no vectors: two regions that drop different ones have what both asked for', () => {
  const [one, two] = pair()
  edit(one, add(10, 'v'))
  exchange(one, two)
  edit(one, take(11, ''))
  edit(two, take(12, 'v', 2))
  exchange(one, two)
  for (const each of [one, two]) expect(each.find('a')!.config.vectors).toEqual({})
  edit(one, add(13, 'w'))
  edit(one, take(14, 'w'))
  edit(one, add(15, 'w'))
  exchange(one, two)
  expect(Object.keys(two.find('a')!.config.vectors)).toEqual(['w'])
})

it('[CV4] additions that differ in the size of their graph alone are one space, with the graph of the elder', () => {
  for (const [first, second] of [
    [10, 20],
    [20, 10],
  ] as const) {
    const [one, two] = pair()
    const wide = { ...dense(2), hnsw: { m: 32, efConstruct: 300 } } as SpaceParams
    edit(one, add(first, 'v', dense(2)))
    edit(two, add(second, 'v', wide, 2))
    exchange(one, two)
    expect(spaces(one)).toEqual(['', 'v'])
    expect(one.find('a')!.config.vectors.v).toEqual(first < second ? dense(2) : wide)
    edit(two, take(30, 'v', 2))
    exchange(one, two)
    expect(spaces(one)).toEqual([''])
  }
})
