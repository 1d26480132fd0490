import { SpaceKeys } from '@meridian/replica'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { ApiCluster } from './api-cluster.js'

const RUNS = process.env.MERIDIAN_TEST_FULL === '1' ? 400 : 60
const C = '/collections/c'
const IDS = [1, 2, 3]
const FORMS = [
  { dense: { size: 1, distance: 'Dot' } },
  { dense: { size: 1, distance: 'Euclid' } },
  { sparse: {} },
] as const

const step = fc.record({
  region: fc.nat(2),
  name: fc.constantFrom('v', 'w'),
  form: fc.nat(2),
  id: fc.constantFrom(...IDS),
  waitMs: fc.constantFrom(0, 0, 20, 400),
  what: fc.oneof(
    { weight: 3, arbitrary: fc.constant('add' as const) },
    { weight: 2, arbitrary: fc.constant('drop' as const) },
    { weight: 5, arbitrary: fc.constant('write' as const) },
    { weight: 1, arbitrary: fc.constant('cut' as const) },
    { weight: 1, arbitrary: fc.constant('heal' as const) },
  ),
})
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

class Difference extends Error {}

const WHOLE = Object.fromEntries(
  (['key', 'keys', 'has', 'name', 'params', 'names', 'stored'] as const).map((name) => [
    name,
    SpaceKeys.prototype[name],
  ]),
) as unknown as Pick<SpaceKeys, 'key' | 'keys' | 'has' | 'name' | 'params' | 'names' | 'stored'>

/** How often what the property is about took place. */
const tally = { added: 0, dropped: 0, written: 0, shown: 0 }

/**
 * Adds, drops and fills vectors in three regions with cuts. Every value that is written is another number, so that each one shown
 * in the end tells which write it is of, and in which space that was.
 * @throws Difference when regions differ, in configuration, reads or searches, or a value is shown that was written to another
 * space than the one that has the name now.
 */
const play = async (steps: readonly Step[]): Promise<void> => {
  const cluster = await ApiCluster.open({ regions: 3, seed: 1, settings: { heartbeatMs: 200, maintenanceMs: 100 } })
  const spaceOf = (region: number, name: string): string | undefined => {
    const { keys } = cluster.replica(region).collection('c') as unknown as { readonly keys: SpaceKeys }
    return WHOLE.key.call(keys, name)
  }
  try {
    await cluster.settle()
    await cluster.call(0, 'PUT', C, { vectors: { base: { size: 1, distance: 'Dot' } }, shard_number: 2 })
    await cluster.settle()
    await cluster.call(0, 'PUT', `${C}/points`, { points: IDS.map((id) => ({ id, vector: {} })) })
    await cluster.settle()
    const spaces = new Map<number, string | undefined>()
    let value = 0
    for (const { region, name, form, id, waitMs, what } of steps) {
      if (what === 'cut') for (const other of [0, 1, 2]) if (other !== region) cutBoth(cluster, region, other)
      if (what === 'heal') cluster.heal()
      if (what === 'add') {
        const { status } = await cluster.call(region, 'PUT', `${C}/vectors/${name}`, FORMS[form])
        if (status === 200) tally.added++
      }
      if (what === 'drop') {
        const { status } = await cluster.call(region, 'DELETE', `${C}/vectors/${name}`)
        if (status === 200) tally.dropped++
      }
      if (what === 'write') {
        value++
        const isSparse = name in (cluster.replica(region).collection('c').config.sparse ?? {})
        const vector = { [name]: isSparse ? { indices: [0], values: [value] } : [value] }
        const { status } = await cluster.call(region, 'PUT', `${C}/points/vectors`, { points: [{ id, vector }] })
        if (status === 200) {
          spaces.set(value, spaceOf(region, name))
          tally.written++
        }
      }
      await cluster.run(waitMs)
    }
    await cluster.settle()
    const views = await Promise.all([0, 1, 2].map((region) => view(cluster, region)))
    for (const [region, each] of views.entries())
      if (JSON.stringify(each) !== JSON.stringify(views[0]))
        throw new Difference(`region ${region} shows ${JSON.stringify(each)}, region 0 ${JSON.stringify(views[0])}`)
    for (const { vector } of views[0]!.points)
      for (const [name, numbers] of Object.entries<Numbers>(vector)) {
        tally.shown++
        const number = Array.isArray(numbers) ? numbers[0]! : numbers.values[0]!
        if (spaces.get(number) !== spaceOf(0, name))
          throw new Difference(`${name} shows ${number}, which was written to another space`)
      }
  } finally {
    cluster.close()
  }
}

type Numbers = number[] | { values: number[] }
interface View {
  readonly params: unknown
  readonly points: readonly { readonly id: number; readonly vector: Record<string, Numbers> }[]
  /** Ids that a search finds, by vector name. */
  readonly found: Record<string, number[]>
}

const view = async (cluster: ApiCluster, region: number): Promise<View> => {
  const { params } = (await cluster.call(region, 'GET', C)).result.config
  const scroll = { limit: 10, with_vector: true, with_payload: false }
  const { points } = (await cluster.call(region, 'POST', `${C}/points/scroll`, scroll)).result
  for (const each of points) each.vector = Object.fromEntries(Object.entries(each.vector ?? {}).sort())
  const found: View['found'] = {}
  for (const name of [...Object.keys(params.vectors), ...Object.keys(params.sparse_vectors ?? {})].sort()) {
    const query = name in params.vectors ? [1] : { indices: [0], values: [1] }
    const { result } = await cluster.call(region, 'POST', `${C}/points/query`, { using: name, query, limit: 10 })
    found[name] = result.points.map(({ id }: { id: number }) => id).sort()
    const having = points.filter((each: View['points'][number]) => name in each.vector)
    const ids = having.map(({ id }: { id: number }) => id).sort()
    if (JSON.stringify(ids) !== JSON.stringify(found[name]))
      throw new Difference(`a search of ${name} in region ${region} finds ${found[name]}, reads show ${ids}`)
  }
  return { params, points, found }
}

const cutBoth = (cluster: ApiCluster, a: number, b: number): void => {
  cluster.cut(a, b)
  cluster.cut(b, a)
}

it(`[VS8] ${RUNS} sequences of additions, drops and writes in three regions end alike, and no value shows in another space`, async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 6, maxLength: 24 }), play), { numRuns: RUNS })
  for (const [what, count] of Object.entries(tally)) expect(count, what).toBeGreaterThan(RUNS / 2)
}, 600_000)

it('[VS9] spaces that go by their names alone, so that an old vector comes back, are noticed', async () => {
  const known = (keys: SpaceKeys): string[] => WHOLE.keys.call(keys).map((key) => WHOLE.name.call(keys, key)!)
  Object.assign(SpaceKeys.prototype, {
    keys(this: SpaceKeys) {
      return known(this)
    },
    has(this: SpaceKeys, key: string) {
      return known(this).includes(key)
    },
    key(this: SpaceKeys, name: string) {
      return known(this).includes(name) ? name : undefined
    },
    name(this: SpaceKeys, key: string) {
      return known(this).includes(key) ? key : undefined
    },
    params(this: SpaceKeys, key: string) {
      return WHOLE.params.call(this, WHOLE.key.call(this, key)!)
    },
    stored: (op: unknown) => op,
  })
  try {
    const write = { what: 'write', name: 'v', form: 0, id: 1, region: 0, waitMs: 20 } as const
    const drop = { ...write, what: 'drop' } as const
    const add = { ...write, what: 'add' } as const
    await expect(play([add, write, drop, add])).rejects.toThrow('v shows 1, which was written to another space')
  } finally {
    Object.assign(SpaceKeys.prototype, WHOLE)
  }
})
