import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Kit, openKit } from './testing/region-kit.js'

let kit: Kit
const POLICY = '/meridian/collections/c/conflict-policy'
const vectors = { size: 2, distance: 'Cosine' }

beforeEach(async () => {
  kit = await openKit()
})
afterEach(() => kit[Symbol.asyncDispose]())

test('[CO36] a policy is set at creation, shown, tried and changed; it is no part of what makes a collection', async () => {
  const conflict_policy = { kind: 'content-model', models: { small: 1, large: 2 } }
  await kit.ok('PUT', '/collections/c', { vectors, metadata: { conflict_policy, team: 'search' } })
  expect(await kit.ok('GET', POLICY)).toEqual(conflict_policy)
  expect((await kit.ok('GET', '/collections/c')).config.metadata).toEqual({ conflict_policy, team: 'search' })
  await kit.ok('PUT', '/collections/c/points', { points: [{ id: 1, vector: [1, 0] }] })
  expect(await kit.ok('PUT', POLICY, { kind: 'newest', dry_run: true })).toEqual({
    ...{ dry_run: true, policy: { kind: 'newest' }, records: 1, changed: 0, appear: 0, vanish: 0 },
  })
  expect(await kit.ok('GET', POLICY)).toEqual(conflict_policy)
  expect(await kit.ok('PUT', POLICY, { kind: 'newest' })).toEqual({ dry_run: false, policy: { kind: 'newest' } })
  expect(await kit.ok('GET', POLICY)).toEqual({ kind: 'newest' })
  expect((await kit.ok('GET', '/collections/c')).config.metadata.team).toBe('search')
  expect(await kit.ok('POST', '/collections/c/points/query', { query: [1, 0] })).toMatchObject({ points: [{ id: 1 }] })
})

test('[CO37] points say what they were made from, one by one, in columns, and with vectors alone', async () => {
  await kit.ok('PUT', '/collections/c', { vectors })
  const made = (id: number) =>
    kit.ok('GET', `/meridian/collections/c/points/${id}/history`).then(({ writes }) => writes[0].meridian)
  const meridian = { content_version: 3, model: 'large' }
  await kit.ok('PUT', '/collections/c/points', {
    points: [
      { id: 1, vector: [1, 0], meridian },
      { id: 2, vector: [1, 0] },
    ],
  })
  await kit.ok('PUT', '/collections/c/points', {
    batch: {
      ids: [3, 4],
      vectors: [
        [1, 0],
        [0, 1],
      ],
      meridian: [{ model: 'small' }, null],
    },
  })
  expect([await made(1), await made(2), await made(3), await made(4)]).toEqual([
    ...[meridian, undefined, { content_version: 0, model: 'small' }, undefined],
  ])
  await kit.ok('PUT', '/collections/c/points/vectors', { points: [{ id: 2, vector: [0, 1], meridian }] })
  await kit.ok('POST', '/collections/c/points/payload', { payload: { a: 1 }, points: [1] })
  expect([await made(1), await made(2)]).toEqual([meridian, meridian])
})

test('[CO33] bad policies and marks are refused with a sentence that names the field', async () => {
  await kit.ok('PUT', '/collections/c', { vectors })
  const refused = async (method: string, path: string, body: unknown, named: string): Promise<void> => {
    const { status, json } = await kit.send(method, path, body)
    expect([status >= 400 && status < 500, json.status.error.includes(named)], json.status.error).toEqual([true, true])
  }
  await refused('PUT', POLICY, {}, 'kind')
  await refused('PUT', POLICY, { kind: 'oldest' }, 'kind')
  await refused('PUT', POLICY, { kind: 'newest', models: { a: 1 } }, 'models')
  await refused('PUT', POLICY, { kind: 'content-model', models: { a: -1 } }, 'models.a')
  await refused('PUT', POLICY, { kind: 'content-model', other: 1 }, 'other')
  await refused('PUT', POLICY, { kind: 'newest', dry_run: 'yes' }, 'dry_run')
  await refused('PUT', POLICY.replace('/c/', '/d/'), { kind: 'newest' }, 'doesn')
  await refused(
    'PUT',
    '/collections/d',
    { vectors, metadata: { conflict_policy: 'oldest' } },
    'metadata.conflict_policy',
  )
  const point = (meridian: unknown) => ({ points: [{ id: 1, vector: [1, 0], meridian }] })
  for (const [meridian, named] of [
    [1, 'points[0].meridian'],
    [{ version: 1 }, 'version'],
    [{ content_version: -1 }, 'points[0].meridian.content_version'],
    [{ content_version: 1.5 }, 'points[0].meridian.content_version'],
    [{ model: 1 }, 'points[0].meridian.model'],
    [{ model: 'x'.repeat(256) }, 'points[0].meridian.model'],
  ] as const)
    await refused('PUT', '/collections/c/points', point(meridian), named)
  await refused(
    'PUT',
    '/collections/c/points',
    { batch: { ids: [1], vectors: [[1, 0]], meridian: [] } },
    'batch.meridian',
  )
})
