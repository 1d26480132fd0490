import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Kit, openKit } from './testing/region-kit.js'

let eu: Kit
let us: Kit
const LIST = '/meridian/collections/c/conflicts'

const until = async (isSo: () => Promise<boolean>): Promise<void> => {
  while (!(await isSo())) await new Promise((resolve) => setImmediate(resolve))
}
const cut = (isEnabled: boolean): Promise<unknown> => us.ok('PUT', '/meridian/links/eu', { enabled: isEnabled })
const digests = async (kit: Kit): Promise<string> =>
  JSON.stringify((await kit.ok('GET', '/meridian/collections/c/digest')).shards)
const vectors = async (kit: Kit): Promise<string> =>
  JSON.stringify((await kit.ok('GET', '/meridian/collections/c/digest')).vectors.merged)
const equal = (): Promise<void> =>
  until(async () => (await vectors(eu)) === (await vectors(us)) && (await digests(eu)) === (await digests(us)))
const put = (kit: Kit, id: number | string, vector: number[], payload = {}): Promise<unknown> =>
  kit.ok('PUT', '/collections/c/points', { points: [{ id, vector, payload }] })
const read = async (kit: Kit, id: number | string) => (await kit.ok('GET', `/collections/c/points/${id}`)).payload

/** Each region writes what the other does not know of. */
const apart = async (run: () => Promise<unknown>): Promise<void> => {
  await cut(false)
  await run()
  await cut(true)
  await equal()
}

beforeEach(async () => {
  eu = await openKit()
  us = await openKit({ flags: { region: 'us', 'replica-number': '77', peer: [`eu=${eu.url}`] } })
  await until(async () =>
    (await us.ok('GET', '/meridian/cluster')).peers.some((each: { state: string }) => each.state === 'linked'),
  )
  await eu.ok('PUT', '/collections/c', { vectors: { size: 2, distance: 'Cosine' } })
  await until(async () => (await us.ok('GET', '/collections/c/exists')).exists)
})

afterEach(async () => {
  await us[Symbol.asyncDispose]()
  await eu[Symbol.asyncDispose]()
})

test('[CO20] the list names both values, who wrote them, the rule and the cosine, alike in both regions', async () => {
  await apart(async () => {
    await put(eu, 1, [1, 0], { from: 'eu' })
    await put(us, 1, [0, 1], { from: 'us' })
  })
  const listed = await eu.ok('GET', `${LIST}?with_vector=true`)
  expect(listed).toMatchObject({ open: 1, settled: 0, next_page_offset: null })
  expect(listed.conflicts).toMatchObject([
    {
      ...{ point_id: 1, cell: 'record', state: 'open', rule: 'newest', cosine: { '': 0 } },
      winner: { region: 'us', value: { removed: false, payload: { from: 'us' }, vectors: { '': [0, 1] } } },
      loser: { region: 'eu', value: { payload: { from: 'eu' }, vectors: { '': [1, 0] } } },
    },
  ])
  expect(await us.ok('GET', `${LIST}?with_vector=true`)).toEqual(listed)
  expect(await us.ok('GET', `${LIST}/${listed.conflicts[0].id}`)).toEqual(listed.conflicts[0])
})

test('[CO20] pages and filters by time, region, id and state', async () => {
  await apart(async () => {
    for (let id = 0; id < 7; id++)
      for (const kit of [eu, us]) await put(kit, id, [1, id], { from: kit === eu ? 'eu' : 'us' })
  })
  const seen: number[] = []
  let offset = ''
  for (;;) {
    const page = await eu.ok('GET', `${LIST}?limit=3${offset}`)
    seen.push(...page.conflicts.map((each: { point_id: number }) => each.point_id))
    if (page.next_page_offset === null) break
    offset = `&offset=${page.next_page_offset}`
  }
  expect(seen).toEqual([6, 5, 4, 3, 2, 1, 0])
  const ids = async (query: string): Promise<number[]> =>
    (await eu.ok('GET', `${LIST}?${query}`)).conflicts.map((each: { point_id: number }) => each.point_id)
  expect(await ids('point_id=4')).toEqual([4])
  expect(await ids('region=us&limit=2')).toEqual([6, 5])
  expect(await ids('region=nobody')).toEqual([])
  const { at } = (await eu.ok('GET', `${LIST}?point_id=3`)).conflicts[0]
  expect(await ids(`since=${at}&until=${at}`)).toContain(3)
  expect(await ids(`until=${Date.parse(at) - 100_000}`)).toEqual([])
  expect(await ids('state=settled')).toEqual([])
})

test('[CO21] resolving is a write like any other: both regions follow, and undo takes it back', async () => {
  await apart(async () => {
    for (const [kit, from] of [
      [eu, 'eu'],
      [us, 'us'],
    ] as const)
      for (const id of [1, 2]) await put(kit, id, [1, id], { from })
  })
  const [two, one] = (await eu.ok('GET', LIST)).conflicts.map(({ id }: { id: string }) => id)
  expect(await eu.ok('POST', `${LIST}/${one}/resolve`, { keep: 'loser' })).toMatchObject({ status: 'completed' })
  const { new_id: copy } = await us.ok('POST', `${LIST}/${two}/resolve?wait=true`, { keep: 'both' })
  await equal()
  for (const kit of [eu, us])
    expect([await read(kit, 1), await read(kit, 2), await read(kit, copy), (await kit.ok('GET', LIST)).open]).toEqual([
      ...[{ from: 'eu' }, { from: 'us' }, { from: 'eu' }, 0],
    ])
  expect((await us.ok('GET', `${LIST}/${two}`)).kept).toBe('both')
  await eu.ok('POST', `${LIST}/${one}/resolve`, { undo: true })
  await us.ok('POST', `${LIST}/${two}/resolve`, { undo: true })
  await equal()
  expect(await read(us, 1)).toEqual({ from: 'us' })
  expect((await eu.send('GET', `/collections/c/points/${copy}`)).status).toBe(404)
})

test('[CO23] keeping both, asked again in any region, makes no second copy, and is undone in another region', async () => {
  await apart(async () => {
    for (const [kit, from] of [
      [eu, 'eu'],
      [us, 'us'],
    ] as const)
      await put(kit, 7, [1, 7], { from })
  })
  const [id] = (await eu.ok('GET', LIST)).conflicts.map((each: { id: string }) => each.id)
  const count = async () => (await eu.ok('POST', '/collections/c/points/count', { exact: true })).count
  const before = await count()
  const both = async (kit: typeof eu) => (await kit.ok('POST', `${LIST}/${id}/resolve`, { keep: 'both' })).new_id
  const copy = await both(us)
  expect(copy).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8/)
  await us.ok('POST', '/collections/c/points/payload', { points: [copy], payload: { edited: 1 } })
  expect(await both(us)).toBe(copy)
  await equal()
  expect(await both(eu)).toBe(copy)
  await equal()
  expect([await count(), await read(us, copy), await read(us, 7)]).toEqual([
    before + 1,
    { from: 'eu', edited: 1 },
    { from: 'us' },
  ])
  // Decided in us, taken back in eu, which did not note the decision.
  await eu.ok('POST', `${LIST}/${id}/resolve`, { undo: true })
  await equal()
  expect([await count(), await read(us, 7)]).toEqual([before, { from: 'us' }])
  const [taken] = await Promise.all([us.send('GET', `/collections/c/points/${copy}`)])
  expect(taken.status).toBe(404)
})

test('[CO22] bad input is refused with a sentence that names it', async () => {
  const status = async (method: string, path: string, body?: unknown): Promise<[number, string]> => {
    const { status, json } = await eu.send(method, path, body)
    return [status, json.status.error]
  }
  for (const [query, named] of [
    ['state=lost', 'state lost'],
    ['limit=0', 'limit 0'],
    ['limit=1000', 'limit 1000'],
    ['offset=x', 'offset x'],
    ['since=yesterday', 'since yesterday'],
    ['with_vector=1', 'with_vector 1'],
    ['point_id=%01', 'point id'],
    ['what=1', 'what'],
  ] as const) {
    const [code, error] = await status('GET', `${LIST}?${query}`)
    expect([code, error.includes(named)], `${query}: ${error}`).toEqual([400, true])
  }
  const none = `${LIST}/0123456789abcdef`
  expect((await status('GET', none))[0]).toBe(404)
  expect((await status('GET', `${LIST}/x`))[0]).toBe(400)
  expect((await status('GET', LIST.replace('/c/', '/d/')))[0]).toBe(404)
  for (const [body, code] of [
    [{ keep: 'winner' }, 404],
    [{ keep: 'all' }, 400],
    [{}, 400],
    [{ keep: 'winner', new_id: 3 }, 400],
    [{ keep: 'both', new_id: -1 }, 400],
    [{ keep: 'loser', undo: true }, 400],
    [{ keep: 1 }, 400],
    [{ other: 1 }, 400],
  ] as const)
    expect((await status('POST', `${none}/resolve`, body))[0], JSON.stringify(body)).toBe(code)
})
