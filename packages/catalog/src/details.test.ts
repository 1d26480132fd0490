import { ImmutableString } from '@automerge/automerge'
import type { StoreError } from '@meridian/core'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Catalog } from './catalog.js'
import type { IndexSchema, Setting } from './details.js'
import type { CatalogMutation } from './mutation.js'
import type { AliasAction } from './plan-details.js'
import { create, drop, edit, forge, openAs, stamp, uidOf } from './testing/fixture.js'

const alias = (ms: number, ...actions: readonly AliasAction[]): CatalogMutation => ({
  type: 'changeAliases',
  actions,
  stamp: stamp(ms),
  nowMs: ms,
})
const point = (name: string, collection: string): AliasAction => ({ type: 'create', alias: name, collection })
const index = (ms: number, collection: string, field: string, type?: string): CatalogMutation => ({
  type: 'changeIndex',
  collection,
  field,
  schema: type === undefined ? undefined : ({ type } as IndexSchema),
  stamp: stamp(ms),
  nowMs: ms,
})
const set = (ms: number, collection: string, ...settings: readonly Setting[]): CatalogMutation => ({
  type: 'changeSettings',
  collection,
  settings,
  stamp: stamp(ms),
  nowMs: ms,
})
const aliasesOf = (catalog: Catalog) => [...catalog.aliases()].map(([name, { name: target }]) => [name, target])
const codeOf = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    return `${(error as StoreError).code}: ${(error as StoreError).message}`
  }
  return 'none'
}
/** Two replicas that know the same collections `a` (uid 1) and `b` (uid 2). */
const pair = (): [Catalog, Catalog] => {
  const one = openAs(1)
  edit(one, create('a', 1))
  edit(one, create('b', 2))
  return [one, openAs(2, one.save())]
}
const exchange = (one: Catalog, two: Catalog): void => {
  const saved = two.save()
  two.merge(one.save())
  one.merge(saved)
  expect(one.canonicalState()).toBe(two.canonicalState())
}

it('[CD1] the actions of an alias request take effect in order and together, or not at all', () => {
  const [catalog] = pair()
  edit(catalog, alias(10, point('x', 'a'), point('y', 'a')))
  const changes = edit(
    catalog,
    alias(11, { type: 'delete', alias: 'x' }, { type: 'rename', from: 'y', to: 'x' }, point('z', 'b')),
  )
  expect(changes).toHaveLength(1)
  expect(aliasesOf(catalog)).toEqual([
    ['x', 'a'],
    ['z', 'b'],
  ])
  expect(catalog.collections().map((each) => each.aliases)).toEqual([['x'], ['z']])
  const before = catalog.canonicalState()
  expect(codeOf(() => edit(catalog, alias(12, point('w', 'a'), { type: 'rename', from: 'none', to: 'v' })))).toBe(
    'COLLECTION_NOT_FOUND: Alias `none` does not exist!',
  )
  expect(codeOf(() => edit(catalog, alias(12, point('w', 'none'))))).toContain("Collection `none` doesn't exist!")
  expect(codeOf(() => edit(catalog, alias(12, point('b', 'a'))))).toBe(
    'COLLECTION_EXISTS: Collection `b` already exists!',
  )
  expect(codeOf(() => edit(catalog, alias(12, point('a/b', 'a'))))).toContain('VALIDATION: [alias_name: "a/b"')
  expect(catalog.canonicalState()).toBe(before)
  expect(edit(catalog, alias(13, { type: 'delete', alias: 'none' }, point('x', 'a')))).toEqual([])
})

it('[CD2] a collection is not named as an alias; an alias goes with its collection', () => {
  const [catalog] = pair()
  edit(catalog, alias(10, point('x', 'a'), point('__proto__', 'a')))
  expect(codeOf(() => edit(catalog, create('x', 3)))).toBe(
    "WRONG_INPUT: Can't create collection with name x. Alias with the same name already exists",
  )
  edit(catalog, drop(uidOf(1)))
  expect(aliasesOf(catalog)).toEqual([])
  edit(catalog, create('a', 4))
  expect(aliasesOf(catalog)).toEqual([])
  edit(catalog, create('x', 5))
})

it('[CD3] of concurrent moves of an alias the newest stays, whichever replica made it; a removal counts as a move', () => {
  for (const [first, second, target] of [
    [point('x', 'a'), point('x', 'b'), 'b'],
    [point('x', 'b'), point('x', 'a'), 'a'],
    [point('x', 'a'), { type: 'delete', alias: 'x' } as const, undefined],
  ] as const)
    for (const isSwapped of [false, true]) {
      const [one, two] = pair()
      if (second.type === 'delete') edit(one, alias(5, point('x', 'b')))
      exchange(one, two)
      const [early, late] = isSwapped ? [two, one] : [one, two]
      edit(early, alias(20, first))
      edit(late, alias(21, second))
      exchange(one, two)
      expect(one.aliases().get('x')?.name).toBe(target)
    }
})

it('[CD4] a collection that is made as its name becomes an alias elsewhere keeps the name; the alias shows when it is gone', () => {
  const [one, two] = pair()
  edit(one, alias(10, point('x', 'a')))
  edit(two, create('x', 9))
  exchange(one, two)
  expect(aliasesOf(one)).toEqual([])
  expect(one.find('x')?.uid).toBe(uidOf(9))
  edit(one, drop(uidOf(9)))
  expect(aliasesOf(one)).toEqual([['x', 'a']])
})

it('[CD5] indexes and settings belong to a collection: different ones merge, of one the newest stays', () => {
  const [one, two] = pair()
  const path = (...names: string[]) => names
  edit(one, index(10, 'a', 'city', 'keyword'))
  edit(two, index(11, 'a', 'age', 'integer'))
  edit(
    one,
    set(12, 'a', { path: path('hnsw_config', 'm'), value: 8 }, { path: path('metadata', 'k'), value: { v: 1 } }),
  )
  edit(
    two,
    set(13, 'a', { path: path('hnsw_config', 'm'), value: 9 }, { path: path('vectors', '', 'on_disk'), value: true }),
  )
  exchange(one, two)
  const shown = one.find('a')!
  expect([...shown.indexes]).toEqual([
    ['age', { type: 'integer' }],
    ['city', { type: 'keyword' }],
  ])
  expect(shown.settings).toEqual([
    { path: ['hnsw_config', 'm'], value: 9 },
    { path: ['metadata', 'k'], value: { v: 1 } },
    { path: ['vectors', '', 'on_disk'], value: true },
  ])
  expect(one.find('b')).toMatchObject({ settings: [], aliases: [] })
  edit(one, index(14, 'a', 'city'))
  edit(two, set(15, 'a', { path: path('metadata', 'k'), value: null }))
  exchange(one, two)
  expect([...two.find('a')!.indexes.keys()]).toEqual(['age'])
  expect(two.find('a')!.settings).toHaveLength(2)
  expect(edit(one, index(16, 'a', 'city'))).toEqual([])
  expect(edit(one, set(16, 'a', { path: path('hnsw_config', 'm'), value: 9 }))).toEqual([])
})

it('[CD6] two creations that become one collection share indexes, settings and aliases', () => {
  const one = openAs(1)
  const two = openAs(2)
  edit(one, { ...create('a', 1), settings: [{ path: ['params', 'on_disk_payload'], value: false }] } as CatalogMutation)
  edit(two, create('a', 2))
  edit(one, index(10, 'a', 'city', 'keyword'))
  edit(two, index(11, 'a', 'city', 'text'))
  edit(two, alias(12, point('x', 'a')))
  exchange(one, two)
  expect(one.find('a')).toMatchObject({ uids: [uidOf(1), uidOf(2)], aliases: ['x'] })
  expect(one.find('a')!.indexes.get('city')).toEqual({ type: 'text' })
  expect(one.find('a')!.settings).toEqual([{ path: ['params', 'on_disk_payload'], value: false }])
  edit(one, index(13, 'a', 'city'))
  edit(one, drop(uidOf(1)))
  expect([...one.find('a')!.indexes]).toEqual([])
})

it('[CD7] nonsense among aliases, indexes and settings is skipped and named', () => {
  const text = (value: string) => new ImmutableString(value)
  const bytes = forge((document) => {
    document.aliases['@x'] = text('{"stamp":[1,0,1],"value":"nothing"}')
    document.aliases['@y'] = text('nonsense')
    document.aliases.z = text('{"stamp":[1,0,1],"value":null}')
    document.payloadIndexes[`${uidOf(1)}/f`] = text('{"stamp":[1,0,1],"value":7}')
    document.extra[`settings/${uidOf(1)}/["__proto__"]`] = text('{"stamp":[1,0,1],"value":7}')
    document.extra[`settings/${uidOf(1)}/["a"]`] = text('{"stamp":[1,0,0],"value":7}')
    document.extra.other = 1
  })
  const catalog = openAs(1)
  edit(catalog, create('a', 1))
  catalog.apply([bytes])
  expect(catalog.problems()).toHaveLength(6)
  expect(catalog.find('a')).toMatchObject({ settings: [], aliases: [] })
  expect([...catalog.aliases()]).toEqual([])
})

it('[CD8] any edits on two replicas that meet now and then end in one state', () => {
  const step = fc.record({ who: fc.integer({ min: 0, max: 2 }), what: fc.integer({ min: 0, max: 5 }), n: fc.nat(2) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const [one, two] = pair()
      let ms = 100
      for (const { who, what, n } of steps) {
        ms += 1
        if (who === 2) {
          exchange(one, two)
          continue
        }
        const catalog = who === 0 ? one : two
        const target = n === 0 ? 'a' : 'b'
        codeOf(() =>
          edit(
            catalog,
            [
              alias(ms, point(`x${n}`, target)),
              alias(ms, { type: 'delete', alias: `x${n}` }),
              alias(ms, { type: 'rename', from: 'x0', to: `x${n}` }),
              index(ms, target, 'f', n === 2 ? undefined : 'keyword'),
              set(ms, target, { path: ['p'], value: n }),
              create(`x${n}`, ms, { ms }),
            ][what]!,
          ),
        )
      }
      exchange(one, two)
      expect(aliasesOf(one)).toEqual(aliasesOf(two))
      for (const [name, { name: target }] of one.aliases()) {
        expect(one.find(name)).toBeUndefined()
        expect(one.find(target)?.aliases).toContain(name)
      }
    }),
    { numRuns: 60 },
  )
})
