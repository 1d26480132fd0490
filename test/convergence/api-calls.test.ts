import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { inOrderOfArrival } from '../sim/sabotage.js'
import { COLLECTION, KINDS, type Story, story } from './api-calls.js'
import { Difference, openRegions, play, scroll, Tally } from './play.js'

const RUNS = process.env.MERIDIAN_TEST_FULL === '1' ? 1000 : 200
const PATH = `/collections/${COLLECTION}`
const QUIET: Omit<Story, 'steps'> = {
  seed: 1,
  clockOffsetsMs: [0, 0, 0],
  logRetentionEntries: 100_000,
  amplificationMax: 2,
}

describe('API calls in three regions', () => {
  it(`[RW7] ${RUNS} sequences end as their writes in the order of stamps would in one region`, async () => {
    const tally = new Tally()
    await fc.assert(
      fc.asyncProperty(story, (each) => play(each, tally)),
      { numRuns: RUNS },
    )
    const taken = [...tally.taken].map(([kind, count]) => `${kind} ${count}`).join(', ')
    console.log(`${tally.calls} calls, ${tally.refused} refused; taken: ${taken}`)
    expect(tally.filled).toBeGreaterThan(RUNS / 2)
    expect(tally.refused).toBeLessThan(tally.calls / 2)
    for (const kind of KINDS) expect(tally.taken.get(kind), kind).toBeGreaterThan(RUNS / 10)
  }, 600_000)

  it('[RW8] edits of different payload keys that did not know of each other both survive', async () => {
    const cluster = await openRegions(QUIET)
    for (const [from, to] of PAIRS) cluster.cut(from, to)
    await cluster.call(0, 'POST', `${PATH}/points/payload`, { payload: { eu: 1 }, points: [1] })
    await cluster.call(1, 'POST', `${PATH}/points/payload`, { payload: { us: 2 }, filter: { must: [{ has_id: [1] }] } })
    await cluster.call(2, 'POST', `${PATH}/points/payload/delete`, { keys: ['a'], points: [1] })
    await cluster.settle()
    for (const region of [0, 1, 2])
      expect((await scroll(cluster, region)).find(({ id }) => id === 1)!.payload).toEqual({
        n: 0,
        o: { x: 0 },
        eu: 1,
        us: 2,
      })
    cluster.close()
  })

  it('[RW9] of edits below one payload key that did not know of each other the newest stays, whole', async () => {
    const cluster = await openRegions(QUIET)
    for (const [from, to] of PAIRS) cluster.cut(from, to)
    for (const [region, payload] of [{ eu: 1 }, { us: 2 }, { ap: 3 }].entries()) {
      await cluster.call((region + 1) % 3, 'POST', `${PATH}/points/payload`, { payload, key: 'o', points: [1] })
      await cluster.run(20)
    }
    await cluster.settle()
    for (const region of [0, 1, 2])
      expect((await scroll(cluster, region)).find(({ id }) => id === 1)!.payload.o).toEqual({ x: 0, ap: 3 })
    cluster.close()
  })

  it('[RW10] a merge that takes writes in the order of arrival is noticed', async () => {
    const undo = inOrderOfArrival()
    let noticed = 0
    try {
      for (const each of fc.sample(story, { numRuns: 30, seed: 7 }))
        await play(each).catch((error) => {
          if (!(error instanceof Difference)) throw error
          noticed++
        })
    } finally {
      undo()
    }
    expect(noticed).toBeGreaterThan(10)
  }, 120_000)
})

const PAIRS = [0, 1, 2].flatMap((from) => [0, 1, 2].filter((to) => to !== from).map((to) => [from, to] as const))
