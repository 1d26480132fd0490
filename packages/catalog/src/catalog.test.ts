import { parseReplicaId, StoreError } from '@meridian/core'
import { describe, expect, it } from 'vitest'
import type { Catalog } from './catalog.js'
import type { CatalogMutation } from './mutation.js'
import { create, drop, EU, edit, member, openAs, uidOf, US } from './testing/fixture.js'

const codeOf = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    if (error instanceof StoreError) return error.code
    throw error
  }
  return 'none'
}

/** A collection of so many vectors, some 100 bytes each. */
const withVectors = (count: number): CatalogMutation => {
  const space = { size: 3, metric: 'Cosine', hnsw: { m: 24, efConstruct: 100 } } as const
  const names = Array.from({ length: count }, (_, at) => `vector ${at} ${'x'.repeat(40)}`)
  const mutation = create('wide', 9)
  if (mutation.type !== 'createCollection') throw new Error('unexpected')
  return { ...mutation, config: { shards: 1, vectors: Object.fromEntries(names.map((name) => [name, space])) } }
}

const seen = (catalog: Catalog): unknown => [
  catalog.version,
  catalog.canonicalState(),
  catalog.history(100),
  Buffer.from(catalog.save()).toString('hex'),
]

describe('drafts', () => {
  it('[CA1] an edit is not visible before its draft is committed, and then it is', () => {
    const catalog = openAs(1)
    const before = seen(catalog)
    const draft = catalog.propose(create('products', 1))
    expect(draft.changes).toHaveLength(1)
    expect(seen(catalog)).toEqual(before)
    draft.commit()
    expect(catalog.find('products')?.uid).toBe(uidOf(1))
  })

  it('[CA1] an aborted draft leaves nothing, and the next edit reaches others whole', () => {
    const [catalog, other] = [openAs(1), openAs(2)]
    const before = seen(catalog)
    catalog.propose(create('gone', 1)).abort()
    expect(seen(catalog)).toEqual(before)
    other.apply(edit(catalog, create('kept', 2)))
    expect(other.collections().map((each) => each.name)).toEqual(['kept'])
    expect(other.canonicalState()).toBe(catalog.canonicalState())
  })

  it('[CA2] one draft is open at a time', () => {
    const catalog = openAs(1)
    const draft = catalog.propose(create('a', 1))
    expect(catalog.isDrafting).toBe(true)
    expect(codeOf(() => catalog.propose(create('b', 2)))).toBe('OVERLOADED')
    draft.commit()
    expect(catalog.isDrafting).toBe(false)
    edit(catalog, create('b', 2))
    expect(() => draft.commit()).toThrow('committed once')
    expect(catalog.collections()).toHaveLength(2)
  })

  it('[CA3] changes of others that come while a draft is open are kept, and so is the draft', () => {
    const [mine, theirs] = [openAs(1), openAs(2)]
    const draft = mine.propose(create('mine', 1))
    mine.apply(edit(theirs, create('theirs', 2)))
    expect(mine.collections().map((each) => each.name)).toEqual(['theirs'])
    draft.commit()
    expect(mine.collections().map((each) => each.name)).toEqual(['mine', 'theirs'])
    theirs.apply(draft.changes)
    expect(theirs.canonicalState()).toBe(mine.canonicalState())
    theirs.apply(edit(mine, drop(uidOf(2))))
    expect(theirs.collections().map((each) => each.name)).toEqual(['mine'])
  })
})

describe('edits', () => {
  const refused: readonly (readonly [string, CatalogMutation, string])[] = [
    ['a name in use', create('products', 9), 'COLLECTION_EXISTS'],
    ['a uid in use', create('other', 1), 'VALIDATION'],
    ['the uid of a dropped collection', create('other', 2), 'VALIDATION'],
    ['an empty name', create('', 9), 'VALIDATION'],
    ['a path for a name', create('a/b', 9), 'VALIDATION'],
    ['half a character in a name', create('a\ud800', 9), 'VALIDATION'],
    ['a name kept for conflicts', create('products~0123456789abcdef', 9), 'VALIDATION'],
    ['a vector of no size', create('other', 9, { size: 0 }), 'VALIDATION'],
    ['dropping what is not there', drop(uidOf(9)), 'COLLECTION_NOT_FOUND'],
    ['dropping twice', drop(uidOf(2)), 'COLLECTION_NOT_FOUND'],
    ['dropping nothing', drop(), 'COLLECTION_NOT_FOUND'],
    ['a number of another region', member(1, { region: US }), 'IDENTITY_CONFLICT'],
    ['going back', member(1, { status: 'joining' }), 'VALIDATION'],
    ['unretiring a store', member(2, { status: 'active' }), 'IDENTITY_CONFLICT'],
    ['a nameless store', member(3, { storeId: '' }), 'VALIDATION'],
    ['a config above the size of a change', withVectors(10_000), 'VALIDATION'],
    ['a time that is none', { ...create('other', 9), nowMs: Number.NaN }, 'VALIDATION'],
  ]
  it.each(refused)('[CA4] %s is refused and changes nothing', (_what, mutation, code) => {
    const catalog = openAs(1)
    edit(catalog, create('products', 1))
    edit(catalog, create('old', 2))
    edit(catalog, drop(uidOf(2)))
    edit(catalog, member(1))
    edit(catalog, member(2, { status: 'retired' }))
    const before = seen(catalog)
    expect(codeOf(() => catalog.propose(mutation))).toBe(code)
    expect(seen(catalog)).toEqual(before)
    expect(catalog.isDrafting).toBe(false)
  })

  it('[CA5] what was created is read back as it was given, and a dropped one stays on record', () => {
    const catalog = openAs(1)
    edit(catalog, create('products', 1, { size: 7 }))
    edit(catalog, drop(uidOf(1)))
    expect(catalog.collections()).toEqual([])
    expect(catalog.find('products')).toBeUndefined()
    expect(catalog.incarnation(uidOf(1))).toMatchObject({
      name: 'products',
      config: { shards: 4, vectors: { '': { size: 7, metric: 'Cosine', hnsw: { m: 24, efConstruct: 100 } } } },
      createdAtMs: 1000,
      createdBy: EU,
      stamp: { ms: 1, counter: 0, writer: 1 },
      dropped: { atMs: 5000, by: EU },
    })
    edit(catalog, create('products', 2))
    expect(catalog.find('products')?.uids).toEqual([uidOf(2)])
  })

  it('[CA5] a vector may be called __proto__', () => {
    const catalog = openAs(1)
    const mutation = create('odd', 1)
    if (mutation.type !== 'createCollection') throw new Error('unexpected')
    const vectors = JSON.parse(JSON.stringify(mutation.config.vectors).replace('""', '"__proto__"')) as object
    edit(catalog, { ...mutation, config: { ...mutation.config, vectors: vectors as never } })
    expect(Object.keys(catalog.find('odd')!.config.vectors)).toEqual(['__proto__'])
  })

  it('[CA6] members go joining, active, retired; a new store of the region may take a retired place', () => {
    const catalog = openAs(1)
    edit(catalog, member(2, { status: 'joining', url: 'http://eu:1' }))
    edit(catalog, member(1))
    expect(catalog.members().map((each) => [each.replica, each.status, each.url])).toEqual([
      [1, 'active', undefined],
      [2, 'joining', 'http://eu:1'],
    ])
    expect(catalog.configuration(parseReplicaId(1)).members).toEqual([1])
    edit(catalog, member(2, { status: 'active' }))
    expect(catalog.configuration(parseReplicaId(1)).members).toEqual([1, 2])
    edit(catalog, member(2, { status: 'retired' }))
    expect(catalog.configuration(parseReplicaId(1)).members).toEqual([1])
    edit(catalog, member(2, { storeId: 'fresh', status: 'joining' }))
    expect(catalog.members()[1]).toMatchObject({ storeId: 'fresh', status: 'joining' })
  })

  it('[CA6] saying what is already so makes no change', () => {
    const catalog = openAs(1)
    edit(catalog, member(1))
    const before = seen(catalog)
    expect(edit(catalog, member(1))).toEqual([])
    expect(seen(catalog)).toEqual(before)
  })

  it('[CA7] the version rises with what is visible, and only then', () => {
    const [catalog, other] = [openAs(1), openAs(2)]
    const changes = edit(other, create('products', 1))
    const start = catalog.version
    catalog.apply(changes)
    const after = catalog.version
    expect(after).toBeGreaterThan(start)
    catalog.apply(changes)
    expect(catalog.version).toBe(after)
  })

  it('[CA8] history says who changed what and when, newest first, the same everywhere', () => {
    const [eu, us] = [openAs(1), openAs(2)]
    const first = edit(eu, create('products', 1, { ms: 30 }))
    us.apply(first)
    const second = edit(us, drop(uidOf(1)))
    const third = edit(eu, member(1))
    us.apply(third)
    eu.apply(second)
    // The two concurrent ones stand in the order of their actors.
    expect(eu.history(10).map((each) => each.message)).toEqual([
      'member r1 (1) active',
      'drop collection products',
      'create collection products',
    ])
    expect(us.history(10)).toEqual(eu.history(10))
    expect(eu.history(1)).toHaveLength(1)
    expect(eu.history(10).at(-1)).toMatchObject({ actor: '01000001', replica: 1, seq: 1, atMs: 30_000 })
  })

  it('[CA9] equal actors, times and edits make equal bytes', () => {
    const run = (): string[] => {
      const [catalog, other] = [openAs(1), openAs(2)]
      catalog.apply(edit(other, create('b', 2)))
      const edits = [create('a', 1), member(1), drop(uidOf(1), uidOf(2))]
      const made = edits.flatMap((each) => edit(catalog, each))
      return [...made, catalog.save()].map((bytes) => Buffer.from(bytes).toString('hex'))
    }
    expect(run()).toEqual(run())
  })
})
