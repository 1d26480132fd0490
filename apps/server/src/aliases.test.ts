import { expect, test } from 'vitest'
import { openKit } from './testing/region-kit.js'

const VECTORS = { size: 2, distance: 'Dot' }
const make = (alias: string, collection: string) => ({
  create_alias: { alias_name: alias, collection_name: collection },
})

test('[HT46] an alias stands wherever a collection’s name does, but to create and to drop', async () => {
  await using kit = await openKit()
  await kit.ok('PUT', '/collections/c', { vectors: VECTORS })
  await kit.ok('PUT', '/collections/d', { vectors: VECTORS })
  expect(await kit.ok('POST', '/collections/aliases?timeout=5', { actions: [make('x', 'c'), make('b', 'd')] })).toBe(
    true,
  )
  expect(await kit.ok('GET', '/aliases')).toEqual({
    aliases: [
      { alias_name: 'b', collection_name: 'd' },
      { alias_name: 'x', collection_name: 'c' },
    ],
  })
  expect(await kit.ok('GET', '/collections/x/aliases')).toEqual({
    aliases: [{ alias_name: 'x', collection_name: 'c' }],
  })
  expect(await kit.ok('GET', '/collections')).toEqual({ collections: [{ name: 'c' }, { name: 'd' }] })
  expect(await kit.ok('GET', '/collections/x/exists')).toEqual({ exists: true })
  await kit.ok('PUT', '/collections/x/points', { points: [{ id: 1, vector: [1, 2], payload: { a: 1 } }] })
  await kit.ok('POST', '/collections/x/points/payload', { points: [1], payload: { b: 2 } })
  await kit.ok('PUT', '/collections/x/index', { field_name: 'a', field_schema: 'integer' })
  await kit.ok('PATCH', '/collections/x', { metadata: { via: 'alias' } })
  expect(await kit.ok('GET', '/collections/c/points/1')).toMatchObject({ payload: { a: 1, b: 2 } })
  expect(await kit.ok('POST', '/collections/x/points/count', {})).toEqual({ count: 1 })
  expect((await kit.ok('POST', '/collections/x/points/query', { query: [1, 1] })).points).toHaveLength(1)
  expect(await kit.ok('GET', '/collections/x')).toMatchObject({
    config: { metadata: { via: 'alias' } },
    payload_schema: { a: { data_type: 'integer', points: 1 } },
  })
  const created = await kit.send('PUT', '/collections/x', { vectors: VECTORS })
  expect(created.status).toBe(400)
  expect(created.json.status.error).toMatch(/^Wrong input: Can't create collection with name x/)
  expect(await kit.ok('DELETE', '/collections/x')).toBe(false)
  expect(await kit.ok('DELETE', '/collections/c')).toBe(true)
  expect((await kit.send('GET', '/collections/x')).status).toBe(404)
  expect(await kit.ok('GET', '/aliases')).toEqual({ aliases: [{ alias_name: 'b', collection_name: 'd' }] })
})

test.each([
  [[make('new', 'none')], 404, "Not found: Collection `none` doesn't exist!"],
  [[make('new', 'x')], 404, "Not found: Collection `x` doesn't exist!"],
  [[make('c', 'c')], 409, 'Wrong input: Collection `c` already exists!'],
  [
    [make('new', 'c'), { rename_alias: { old_alias_name: 'none', new_alias_name: 'y' } }],
    404,
    'Not found: Alias `none`',
  ],
  [[make('a/b', 'c')], 422, 'Validation error in JSON body: [alias_name:'],
  [[make('new', 'c'), { swap: {} }], 400, 'actions[1]: send exactly one of create_alias'],
  [[{ delete_alias: {} }], 400, 'actions[0].delete_alias: missing field `alias_name`'],
] as const)('[HT47] actions are one change: %j changes nothing', async (actions, status, sentence) => {
  await using kit = await openKit()
  await kit.ok('PUT', '/collections/c', { vectors: VECTORS })
  await kit.ok('POST', '/collections/aliases', { actions: [make('x', 'c')] })
  const reply = await kit.send('POST', '/collections/aliases', { actions })
  expect(reply.json.status.error).toContain(sentence)
  expect(reply.status).toBe(status)
  expect(await kit.ok('GET', '/aliases')).toEqual({ aliases: [{ alias_name: 'x', collection_name: 'c' }] })
})

test('[HT47] an alias moves to another collection in one step', async () => {
  await using kit = await openKit()
  for (const name of ['one', 'two']) await kit.ok('PUT', `/collections/${name}`, { vectors: VECTORS })
  await kit.ok('POST', '/collections/aliases', { actions: [make('live', 'one')] })
  await kit.ok('POST', '/collections/aliases', {
    actions: [
      { rename_alias: { old_alias_name: 'live', new_alias_name: 'old' } },
      make('live', 'two'),
      { delete_alias: { alias_name: 'never' } },
    ],
  })
  expect((await kit.ok('GET', '/aliases')).aliases.map(Object.values)).toEqual([
    ['live', 'two'],
    ['old', 'one'],
  ])
})
