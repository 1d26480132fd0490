import { expect, test } from 'vitest'
import { type Kit, openKit } from './testing/region-kit.js'

const withPoints = async (): Promise<Kit> => {
  const kit = await openKit()
  await kit.ok('PUT', '/collections/c', {
    vectors: { v: { size: 2, distance: 'Dot' }, w: { size: 1, distance: 'Dot' } },
  })
  const points = [1, 2].map((id) => ({ id, vector: { v: [id, 0] }, payload: { n: id } }))
  await kit.ok('PUT', '/collections/c/points', { points })
  return kit
}
const all = async (kit: Kit) =>
  (await kit.ok('POST', '/collections/c/points/scroll', { with_vector: true })).points.map(
    ({ id, payload, vector }: Record<string, unknown>) => [id, payload, vector],
  )

test('[HT59] operations of every kind apply in order, each on what those before it left', async () => {
  await using kit = await withPoints()
  const even = { must: [{ key: 'n', match: { value: 4 } }] }
  const results = await kit.ok('POST', '/collections/c/points/batch?wait=true', {
    operations: [
      { upsert: { points: [{ id: 3, vector: { v: [3, 0] }, payload: { n: 4, drop: 1 } }] } },
      { upsert: { batch: { ids: [4], vectors: { v: [[4, 0]] }, payloads: [{ n: 4 }] } } },
      { set_payload: { payload: { k: 1 }, key: 'deep', filter: even } },
      { delete_payload: { keys: ['drop', 'deep.k'], points: [3] } },
      { overwrite_payload: { payload: { only: true }, points: [1] } },
      { clear_payload: { points: [2] } },
      { update_vectors: { points: [{ id: 3, vector: { w: [9] } }] } },
      { delete_vectors: { points: [3], vector: ['v'] } },
      { delete: { filter: { must: [{ key: 'deep.k', match: { value: 1 } }] } } },
    ],
  })
  expect(results).toHaveLength(9)
  expect(results[0]).toEqual({ operation_id: expect.any(Number), status: 'completed' })
  expect(await all(kit)).toEqual([
    [1, { only: true }, { v: [1, 0] }],
    [2, {}, { v: [2, 0] }],
    [3, { n: 4, deep: {} }, { w: [9] }],
  ])
  expect(await kit.ok('POST', '/collections/c/points/batch', { operations: [] })).toEqual([])
})

test.each([
  [{ operations: [{ delete: { points: [1] } }, { set_payload: { payload: { x: 1 }, points: [1] } }] }, 404, 'id 1'],
  [
    { operations: [{ delete: { points: [1] } }, { upsert: { points: [{ id: 9, vector: { v: [1] } }] } }] },
    400,
    'expected dim: 2',
  ],
  [
    { operations: [{ delete: { points: [1] } }, { nope: {} }] },
    400,
    'operations[1]: send exactly one of upsert, delete',
  ],
  [{ operations: [{ delete: { points: [1] }, upsert: { points: [] } }] }, 400, 'operations[0]: send exactly one'],
  [{ operations: [{ delete: { points: [1], shard_key: 'a' } }] }, 400, 'operations[0].delete.shard_key'],
  [{}, 400, 'operations: expected an array'],
] as const)('[HT59] a batch that fails anywhere leaves everything: %j', async (body, status, sentence) => {
  await using kit = await withPoints()
  const before = await all(kit)
  const reply = await kit.send('POST', '/collections/c/points/batch', body)
  expect(reply.json.status.error).toContain(sentence)
  expect(reply.status).toBe(status)
  expect(await all(kit)).toEqual(before)
})

test('[HT100] update_mode and update_filter pick among the points of an upsert by what is there', async () => {
  await using kit = await withPoints()
  const put = (rest: object, ...ids: number[]) =>
    kit.ok('PUT', '/collections/c/points', {
      points: ids.map((id) => ({ id, vector: { v: [0, 1] }, payload: { by: JSON.stringify(rest) } })),
      ...rest,
    })
  const payloads = async () => (await all(kit)).map(([id, payload]: [number, unknown]) => [id, payload])
  await put({ update_mode: 'insert_only' }, 2, 3)
  const inserted = { by: '{"update_mode":"insert_only"}' }
  expect(await payloads()).toEqual([
    [1, { n: 1 }],
    [2, { n: 2 }],
    [3, inserted],
  ])
  await put({ update_mode: 'update_only' }, 3, 4)
  const updated = { by: '{"update_mode":"update_only"}' }
  expect(await payloads()).toEqual([
    [1, { n: 1 }],
    [2, { n: 2 }],
    [3, updated],
  ])
  const isTwo = { must: [{ key: 'n', match: { value: 2 } }] }
  await put({ update_filter: isTwo }, 1, 2, 5)
  const filtered = { by: JSON.stringify({ update_filter: isTwo }) }
  expect(await payloads()).toEqual([
    [1, { n: 1 }],
    [2, filtered],
    [3, updated],
    [5, filtered],
  ])
  await put({ update_filter: isTwo, update_mode: 'update_only' }, 1, 2, 6)
  expect(await payloads()).toEqual([
    [1, { n: 1 }],
    [2, filtered],
    [3, updated],
    [5, filtered],
  ])
  await kit.ok('PUT', '/collections/c/points/vectors', {
    points: [1, 2].map((id) => ({ id, vector: { w: [id] } })),
    update_filter: { must: [{ key: 'n', match: { value: 1 } }] },
  })
  expect((await all(kit)).slice(0, 2).map((each: unknown[]) => each[2])).toEqual([{ v: [1, 0], w: [1] }, { v: [0, 1] }])
  for (const [body, status, sentence] of [
    [{ points: [], update_mode: 'replace' }, 400, 'update_mode: unknown variant `replace`'],
    [{ points: [], update_filter: { must: [{ nope: 1 }] } }, 400, 'update_filter'],
  ] as const) {
    const reply = await kit.send('PUT', '/collections/c/points', body)
    expect(reply.status).toBe(status)
    expect(reply.json.status.error).toContain(sentence)
  }
})

test('[HT101] requests that read and then write do not lose each other’s work', async () => {
  await using kit = await withPoints()
  const names = Array.from({ length: 20 }, (_, i) => `k${i}`)
  await Promise.all(
    names.map((name) =>
      kit.ok('POST', '/collections/c/points/payload', { payload: { [name]: 1 }, key: 'deep', points: [1] }),
    ),
  )
  const [[, payload]] = await all(kit)
  expect(Object.keys(payload.deep).sort()).toEqual([...names].sort())
  const once = await Promise.all(
    names.map((name) =>
      kit.ok('PUT', '/collections/c/points', {
        points: [{ id: 50, vector: { v: [1, 1] }, payload: { name } }],
        update_mode: 'insert_only',
      }),
    ),
  )
  expect(once).toHaveLength(names.length)
  const { payload: first } = await kit.ok('GET', '/collections/c/points/50')
  expect(first).toEqual({ name: expect.stringMatching(/^k/) })
  expect(
    (await kit.ok('GET', '/meridian/collections/c/points/50/history')).writes.filter(
      (each: { what: string }) => each.what === 'put',
    ),
  ).toHaveLength(1)
})

test('[HT102] a merge takes the keys away that it sets to null', async () => {
  await using kit = await withPoints()
  await kit.ok('POST', '/collections/c/points/payload', { payload: { n: null, m: 2 }, points: [1] })
  expect((await all(kit))[0][1]).toEqual({ m: 2 })
})
