import fc from 'fast-check'

/** One request that writes. */
export interface ApiCall {
  readonly kind: string
  readonly method: 'PUT' | 'POST'
  readonly route: string
  readonly body: object
}

export const COLLECTION = 'things'
/** A vector of every form. */
export const CONFIG = {
  vectors: {
    dense: { size: 2, distance: 'Cosine' },
    rows: { size: 2, distance: 'Dot', multivector_config: { comparator: 'max_sim' } },
  },
  sparse_vectors: { words: {} },
  shard_number: 2,
}
/** Few, so that nearly everything conflicts. */
export const IDS: readonly (number | string)[] = [1, 2, 3, 4, '00000000-0000-4000-8000-000000000005', 6]

const id = fc.constantFrom(...IDS)
const ids = fc.uniqueArray(id, { minLength: 1, maxLength: 3 })
const small = fc.integer({ min: 0, max: 9 })
const number = fc.integer({ min: -8, max: 8 }).map((value) => value / 4)
const pair = fc.tuple(number, number)
const vectors = fc.record(
  {
    dense: pair,
    rows: fc.array(pair, { minLength: 1, maxLength: 3 }),
    words: fc.uniqueArray(small, { minLength: 1, maxLength: 3 }).map((indices) => ({
      indices,
      values: indices.map((index) => index + 0.5),
    })),
  },
  { requiredKeys: [] },
)

const leaf = fc.oneof(small, fc.constantFrom('a', 'b', null, true))
const inner = fc.record({ x: leaf, y: fc.oneof(leaf, fc.record({ z: leaf })) }, { requiredKeys: [] })
const payload = fc.record(
  { n: small, a: leaf, b: leaf, o: inner, list: fc.array(inner, { maxLength: 3 }) },
  { requiredKeys: [] },
)
const path = fc.constantFrom('o', 'o.y', 'o.y.z', 'list[]', 'list[0].y', 'fresh.way')
const deletedPath = fc.constantFrom('a', 'b', 'o', 'o.x', 'o.y.z', 'list[].x', 'list[]', 'none')

const condition = fc.oneof(
  fc.record({ key: fc.constant('n'), range: fc.record({ gte: small }) }),
  fc.record({ key: fc.constantFrom('a', 'b', 'o.x'), match: fc.record({ value: fc.constantFrom(1, 2, 'a', 'b') }) }),
  fc.record({ is_empty: fc.record({ key: fc.constantFrom('o', 'list') }) }),
  fc.record({ has_id: ids }),
  fc.record({ has_vector: fc.constantFrom('dense', 'words') }),
)
const filter = fc.oneof(
  fc.record({ must: fc.array(condition, { maxLength: 1 }) }),
  fc.record({ must_not: fc.tuple(condition) }),
  fc.record({ should: fc.tuple(condition, condition) }),
)
const selector = fc.oneof(fc.record({ points: ids }), fc.record({ filter }), fc.record({ filter }))

const point = fc.record({ id, vector: vectors, payload })
const upsert = fc
  .record(
    {
      points: fc.array(point, { minLength: 1, maxLength: 3 }),
      update_mode: fc.constantFrom('upsert', 'insert_only', 'update_only'),
      update_filter: filter,
    },
    { requiredKeys: ['points'] },
  )
  .map((body) => body as object)
const edit = <T extends object>(own: fc.Arbitrary<T>): fc.Arbitrary<object> =>
  fc.tuple(own, selector).map(([body, selected]) => ({ ...body, ...selected }))

/** By the name that a batch knows it under. */
const OPERATIONS: Readonly<Record<string, { method: ApiCall['method']; route: string; body: fc.Arbitrary<object> }>> = {
  upsert: { method: 'PUT', route: 'points', body: upsert },
  delete: { method: 'POST', route: 'points/delete', body: edit(fc.constant({})) },
  set_payload: {
    method: 'POST',
    route: 'points/payload',
    body: edit(fc.oneof(fc.record({ payload }), fc.record({ payload: inner, key: path }))),
  },
  overwrite_payload: {
    method: 'PUT',
    route: 'points/payload',
    body: edit(fc.oneof(fc.record({ payload }), fc.record({ payload: inner, key: path }))),
  },
  delete_payload: {
    method: 'POST',
    route: 'points/payload/delete',
    body: edit(fc.record({ keys: fc.uniqueArray(deletedPath, { minLength: 1, maxLength: 2 }) })),
  },
  clear_payload: { method: 'POST', route: 'points/payload/clear', body: edit(fc.constant({})) },
  update_vectors: {
    method: 'PUT',
    route: 'points/vectors',
    body: fc
      .record(
        { points: fc.array(fc.record({ id, vector: vectors }), { minLength: 1, maxLength: 2 }), update_filter: filter },
        { requiredKeys: ['points'] },
      )
      .map((body) => body as object),
  },
  delete_vectors: {
    method: 'POST',
    route: 'points/vectors/delete',
    body: edit(fc.record({ vector: fc.uniqueArray(fc.constantFrom('dense', 'rows', 'words'), { minLength: 1 }) })),
  },
}
export const KINDS = [...Object.keys(OPERATIONS), 'batch']

const single = fc.oneof(
  ...Object.entries(OPERATIONS).map(([kind, { method, route, body }]) =>
    body.map((each): ApiCall => ({ kind, method, route, body: each })),
  ),
)
const batch = fc.array(single, { minLength: 2, maxLength: 4 }).map(
  (calls): ApiCall => ({
    kind: 'batch',
    method: 'POST',
    route: 'points/batch',
    body: { operations: calls.map(({ kind, body }) => ({ [kind]: body })) },
  }),
)

/** What happens to three regions, in this order. */
export type Step =
  | { readonly type: 'call'; readonly region: number; readonly call: ApiCall; readonly waitMs: number }
  | { readonly type: 'cut'; readonly from: number; readonly to: number; readonly isOneWay: boolean }
  | { readonly type: 'heal'; readonly waitMs: number }

const region = fc.integer({ min: 0, max: 2 })
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant('call' as const),
      region,
      call: fc.oneof({ weight: 6, arbitrary: single }, { weight: 1, arbitrary: batch }),
      // Mostly before the last one is durable, or has come anywhere else.
      waitMs: fc.constantFrom(0, 0, 1, 5, 30, 300),
    }),
  },
  {
    weight: 2,
    arbitrary: fc
      .record({
        type: fc.constant('cut' as const),
        from: region,
        by: fc.integer({ min: 1, max: 2 }),
        isOneWay: fc.boolean(),
      })
      .map(({ from, by, ...rest }) => ({ ...rest, from, to: (from + by) % 3 })),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('heal' as const), waitMs: fc.constantFrom(0, 20, 500) }) },
)

export interface Story {
  readonly seed: number
  readonly steps: readonly Step[]
  readonly clockOffsetsMs: readonly number[]
  /** Short logs make state transfers of what else would be replayed; low bounds make lanes be cleaned. */
  readonly logRetentionEntries: number
  readonly amplificationMax: number
}

const offset = fc.constantFrom(0, 0, -150, 150, 400)
export const story: fc.Arbitrary<Story> = fc.record({
  seed: fc.integer({ min: 1, max: 1e9 }),
  steps: fc.array(step, { minLength: 5, maxLength: 40, size: 'max' }),
  clockOffsetsMs: fc.tuple(offset, offset, offset),
  logRetentionEntries: fc.constantFrom(3, 100_000),
  amplificationMax: fc.constantFrom(1.2, 2),
})
