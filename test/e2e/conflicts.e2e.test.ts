import { afterAll, beforeAll, expect, test } from 'vitest'
import { Cluster, type DataSet, loadData, noData } from './kit/index.js'

/*
 * Real histories of embeddings, played in two regions that do not hear of each other: what wins, what is listed, what a change of
 * policy does.
 */

const why = noData('amenities-164', 'tickets-68', 'products-101')
const suffix = why === undefined ? '' : ` (${why})`
const dataTest = test.skipIf(why)
const TIMEOUT_MS = 120_000

interface Side {
  readonly region?: string
  readonly value: { readonly payload: Record<string, unknown>; readonly vectors: readonly string[] }
}
interface Conflict {
  readonly id: string
  readonly point_id: number
  readonly cell: string
  readonly rule: string
  readonly winner: Side
  readonly loser: Side
  readonly cosine?: Readonly<Record<string, number>>
}
interface Page {
  readonly conflicts: readonly Conflict[]
  readonly next_page_offset: string | null
  readonly open: number
}

let cluster: Cluster | undefined
beforeAll(async () => {
  if (why === undefined) cluster = await Cluster.open({ regions: ['eu', 'us'] })
})
afterAll(() => cluster?.[Symbol.asyncDispose]())

const call = <T>(region: string, method: 'GET' | 'PUT' | 'POST', path: string, body?: unknown): Promise<T> =>
  cluster!.region(region).client.call<T>({ method, path, ...(body === undefined ? {} : { body }) })

const create = async (name: string, body: unknown): Promise<void> => {
  await call('eu', 'PUT', `/collections/${name}`, body)
  await cluster!.agreed(name)
}
const upsert = (region: string, name: string, points: readonly unknown[]): Promise<unknown> =>
  call(region, 'PUT', `/collections/${name}/points`, { points })

/** Neither region hears of the other while `run` goes on. */
const apart = async (name: string, run: () => Promise<unknown>): Promise<void> => {
  const cut = (enabled: boolean): Promise<unknown> => call('us', 'PUT', '/meridian/links/eu', { enabled })
  await cut(false)
  await run()
  await cut(true)
  await cluster!.linked()
  await cluster!.agreed(name)
}

/** All of the list, which is the same in both regions. */
const listed = async (name: string): Promise<Conflict[]> => {
  const lists = await Promise.all(
    ['eu', 'us'].map(async (region) => {
      const all: Conflict[] = []
      for (let offset = ''; ; ) {
        const page: Page = await call(region, 'GET', `/meridian/collections/${name}/conflicts?limit=50${offset}`)
        all.push(...page.conflicts)
        if (page.next_page_offset === null) return all
        offset = `&offset=${page.next_page_offset}`
      }
    }),
  )
  expect(lists[1]).toEqual(lists[0])
  return lists[0]!
}

const row = (set: DataSet, id: number): number[] => Array.from(set.vectors.subarray(id * set.dims, (id + 1) * set.dims))
const ids = (set: DataSet): number[] => Array.from({ length: set.count }, (_, id) => id)
const payloads = async (region: string, name: string, count: number): Promise<Record<string, unknown>[]> => {
  const body = { ids: Array.from({ length: count }, (_, id) => id), with_payload: true }
  const found = await call<{ id: number; payload: Record<string, unknown> }[]>(
    region,
    'POST',
    `/collections/${name}/points`,
    body,
  )
  return found.sort((a, b) => a.id - b.id).map(({ payload }) => payload)
}
/** Share of the rows whose nearest other row is found, by the stored truth of the set. */
const recall = async (region: string, name: string, set: DataSet): Promise<number> => {
  const { k, ids: truth } = set.groundTruth!
  let hits = 0
  for (const id of ids(set)) {
    const body = { query: row(set, id), limit: k + 1 }
    const { points } = await call<{ points: { id: number }[] }>(
      region,
      'POST',
      `/collections/${name}/points/query`,
      body,
    )
    const found = new Set(points.map((point) => point.id))
    for (let i = 0; i < k; i++) if (found.has(truth[id * k + i]!)) hits++
  }
  return hits / (set.count * k)
}

dataTest(
  `[CO40] amenities-164: a re-embedding that went wrong arrives last; content-model mends it as the dry run said, and in force from the start it shows the correction at once${suffix}`,
  { timeout: TIMEOUT_MS },
  async () => {
    const models = ['r1-2023-10-23', 'r2-2023-12-18', 'r3-2023-12-19']
    const [r1, r2, r3] = (await Promise.all(models.map((model) => loadData('amenities-164', { model })))) as [
      DataSet,
      DataSet,
      DataSet,
    ]
    const point = (set: DataSet, id: number, version: number, model: string) => ({
      ...{
        id,
        vector: row(set, id),
        payload: { r: version, text: (set.payloads![id]!.contents as never)[`r${version}`] },
      },
      meridian: { content_version: version, model },
    })
    const name = 'amenities'
    await create(name, { vectors: { size: r1.dims, distance: 'Cosine' } })
    await upsert(
      'eu',
      name,
      ids(r1).map((id) => point(r1, id, 1, 'gecko')),
    )
    await cluster!.agreed(name)
    // The correction is made in eu; us, which has not heard of it, finishes the wrong one later.
    await apart(name, async () => {
      await upsert(
        'eu',
        name,
        ids(r3).map((id) => point(r3, id, 3, 'gecko')),
      )
      await upsert(
        'us',
        name,
        ids(r2).map((id) => point(r2, id, 2, 'gecko')),
      )
    })
    const before = await listed(name)
    expect(before).toHaveLength(r1.count)
    expect(new Set(before.map(({ cell, rule, winner }) => `${cell} ${rule} ${winner.region}`))).toEqual(
      new Set(['record newest us']),
    )
    const mean = before.reduce((sum, { cosine }) => sum + cosine!['']!, 0) / before.length
    expect(Math.abs(mean - -0.006)).toBeLessThan(0.005)
    expect(await recall('eu', name, r3)).toBeLessThan(0.5)

    const path = `/meridian/collections/${name}/conflict-policy`
    const policy = { kind: 'content-model', models: { gecko: 1 } }
    const tried = await call<{ records: number; changed: number }>('us', 'PUT', path, { ...policy, dry_run: true })
    expect(tried.records).toBe(r1.count)
    await call('us', 'PUT', path, policy)
    await cluster!.agreed(name)
    expect(tried.changed).toBe(r1.count)
    const after = await listed(name)
    expect(after).toHaveLength(r1.count)
    expect(new Set(after.map(({ rule, winner }) => `${rule} ${winner.region}`))).toEqual(
      new Set(['content-version eu']),
    )
    for (const region of ['eu', 'us']) {
      // One whole write wins, its text with its vector.
      expect((await payloads(region, name, r1.count)).every(({ r }) => r === 3)).toBe(true)
      expect(await recall(region, name, r3)).toBeGreaterThan(0.99)
    }

    // With the policy in force from the start, the correction shows at once.
    const early = 'amenities-early'
    await create(early, { vectors: { size: r1.dims, distance: 'Cosine' }, metadata: { conflict_policy: policy } })
    await apart(early, async () => {
      await upsert(
        'eu',
        early,
        ids(r3).map((id) => point(r3, id, 3, 'gecko')),
      )
      await upsert(
        'us',
        early,
        ids(r2).map((id) => point(r2, id, 2, 'gecko')),
      )
    })
    const decided = await listed(early)
    expect(new Set(decided.map(({ rule, winner }) => `${rule} ${winner.region}`))).toEqual(
      new Set(['content-version eu']),
    )
    for (const region of ['eu', 'us']) expect(await recall(region, early, r3)).toBeGreaterThan(0.99)

    // Somebody prefers the other text for one of them, and thinks better of it.
    const { id, point_id } = decided[0]!
    const resolve = `/meridian/collections/${early}/conflicts/${id}/resolve`
    const shown = async (): Promise<unknown[]> => {
      await cluster!.agreed(early)
      return Promise.all(['eu', 'us'].map(async (region) => (await payloads(region, early, r1.count))[point_id]!.r))
    }
    await call('us', 'POST', resolve, { keep: 'loser' })
    expect(await shown()).toEqual([2, 2])
    expect(await listed(early)).toHaveLength(r1.count - 1)
    await call('us', 'POST', resolve, { undo: true })
    expect(await shown()).toEqual([3, 3])
  },
)

dataTest(
  `[CO41] tickets-68: of two models of one size the better ranked wins wherever it was written, and they are never compared${suffix}`,
  { timeout: TIMEOUT_MS },
  async () => {
    const [small, large] = (await Promise.all(
      ['voyage-2', 'voyage-large-2-instruct'].map((model) => loadData('tickets-68', { model })),
    )) as [DataSet, DataSet]
    const name = 'tickets'
    const policy = { kind: 'content-model', models: { 'voyage-2': 1, 'voyage-large-2-instruct': 2 } }
    await create(name, { vectors: { size: small.dims, distance: 'Cosine' }, metadata: { conflict_policy: policy } })
    const point = (set: DataSet, id: number, model: string) => ({
      ...{ id, vector: row(set, id), payload: { text: set.payloads![id]!.text, model } },
      meridian: { model },
    })
    const isOdd = (id: number): boolean => id % 2 === 1
    const write = (region: string, ofLarge: (id: number) => boolean): Promise<unknown> =>
      upsert(
        region,
        name,
        ids(small).map((id) =>
          ofLarge(id) ? point(large, id, 'voyage-large-2-instruct') : point(small, id, 'voyage-2'),
        ),
      )
    await apart(name, async () => {
      await write('eu', isOdd)
      await write('us', (id) => !isOdd(id))
    })
    for (const region of ['eu', 'us'])
      expect(new Set((await payloads(region, name, small.count)).map(({ model }) => model))).toEqual(
        new Set(['voyage-large-2-instruct']),
      )
    const all = await listed(name)
    expect(all).toHaveLength(small.count)
    expect(all.every(({ rule, cosine }) => rule === 'model' && cosine === undefined)).toBe(true)
    expect(all.every(({ point_id, winner }) => winner.region === (isOdd(point_id) ? 'eu' : 'us'))).toBe(true)
  },
)

dataTest(
  `[CO42] products-101: a new model of another size beside the old one, while another region edits prices: both stay, and only what is disputed is listed${suffix}`,
  { timeout: TIMEOUT_MS },
  async () => {
    const [old, fresh] = (await Promise.all(
      ['text-embedding-ada-002', 'text-embedding-3-small-256'].map((model) => loadData('products-101', { model })),
    )) as [DataSet, DataSet]
    const name = 'products'
    const space = (set: DataSet) => ({ size: set.dims, distance: 'Cosine' })
    await create(name, { vectors: { ada: space(old), small: space(fresh) } })
    const base = ids(old).map((id) => ({
      ...{
        id,
        vector: { ada: row(old, id) },
        payload: { name: old.payloads![id]!.name, price: old.payloads![id]!.price },
      },
    }))
    await upsert('eu', name, base)
    await cluster!.agreed(name)
    const setPrice = (region: string, price: number, points: number[]): Promise<unknown> =>
      call(region, 'POST', `/collections/${name}/points/payload`, { payload: { price }, points })
    await apart(name, async () => {
      const points = ids(fresh).map((id) => ({ id, vector: { small: row(fresh, id) } }))
      await call('eu', 'PUT', `/collections/${name}/points/vectors`, { points })
      await setPrice('eu', 10, [0, 1])
      await setPrice('us', 20, [1, 2])
    })
    expect(await listed(name)).toMatchObject([
      { point_id: 1, cell: 'payload/price', winner: { region: 'us', value: { payload: { price: 20 } } } },
    ])
    for (const region of ['eu', 'us']) {
      expect((await payloads(region, name, 3)).map(({ price }) => price)).toEqual([10, 20, 20])
      const body = { filter: { must: [{ has_vector: 'small' }, { has_vector: 'ada' }] } }
      expect(await call(region, 'POST', `/collections/${name}/points/count`, body)).toEqual({ count: old.count })
    }
    // Sequential edits of the same price are none.
    await setPrice('eu', 30, [1])
    await cluster!.agreed(name)
    await setPrice('us', 40, [1])
    await cluster!.agreed(name)
    expect(await listed(name)).toEqual([])
  },
)
