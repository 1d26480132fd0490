import { canonicalJson, compareStamps, type Entry, type RecordOp } from '@meridian/core'
import { ApiCluster } from './api-cluster.js'
import { COLLECTION, CONFIG, IDS, type Story } from './api-calls.js'
import { applyInStampOrder, asFloat32, byId, type Shown } from './plain-region.js'

/** Regions that should say the same do not. */
export class Difference extends Error {}

/** How many calls were taken and refused, by kind. */
export class Tally {
  readonly taken = new Map<string, number>()
  refused = 0
  calls = 0
  /** Stories after which something was left to compare. */
  filled = 0
}

const PATH = `/collections/${COLLECTION}`

/** Every record as a client of the region reads it. */
export const scroll = async (cluster: ApiCluster, region: number): Promise<Shown[]> => {
  const { result } = await cluster.call(region, 'POST', `${PATH}/points/scroll`, {
    limit: 1000,
    with_vector: true,
    with_payload: true,
  })
  return result.points.map(({ id, payload, vector }: Shown) => ({ id, payload, vector: asFloat32(vector) })).sort(byId)
}

/** Three regions with the collection and a few points in all of them. */
export const openRegions = async (story: Omit<Story, 'steps'>): Promise<ApiCluster> => {
  const { seed, clockOffsetsMs, logRetentionEntries, amplificationMax } = story
  const cluster = await ApiCluster.open({
    ...{ regions: 3, seed, clockOffsetsMs },
    settings: { logRetentionEntries, amplificationMax, heartbeatMs: 200, maintenanceMs: 100, relayAfterMs: 300 },
  })
  await cluster.settle()
  await must(cluster.call(0, 'PUT', PATH, CONFIG))
  await cluster.settle()
  const points = IDS.map((id, i) => ({ id, vector: { dense: [1, i] }, payload: { n: i, a: 'a', o: { x: i } } }))
  await must(cluster.call(1, 'PUT', `${PATH}/points`, { points }))
  await cluster.settle()
  return cluster
}

const must = async (asked: ReturnType<ApiCluster['call']>): Promise<void> => {
  const { status, error } = await asked
  if (status !== 200) throw new Error(`refused with ${status}: ${error}`)
}

/** @throws Difference unless all regions, and one that took the same writes in the order of stamps, show the same. */
export const play = async (story: Story, tally = new Tally()): Promise<void> => {
  const cluster = await openRegions(story)
  try {
    const asked: { kind: string; answer: Awaited<ReturnType<ApiCluster['begin']>> }[] = []
    for (const step of story.steps) {
      if (step.type === 'cut') {
        cluster.cut(step.from, step.to)
        if (!step.isOneWay) cluster.cut(step.to, step.from)
      } else if (step.type === 'heal') {
        cluster.heal()
        await cluster.run(step.waitMs)
      } else {
        const { kind, method, route, body } = step.call
        asked.push({ kind, answer: await cluster.begin(step.region, method, `${PATH}/${route}`, body) })
        await cluster.run(step.waitMs)
      }
    }
    await cluster.settle()
    for (const { kind, answer } of asked) {
      const { status, error } = answer.reply!
      // A clock that is off, and points that are not there.
      if (![200, 404, 503].includes(status)) throw new Error(`${kind}: ${status} ${error}`)
      tally.calls++
      if (status === 200) tally.taken.set(kind, (tally.taken.get(kind) ?? 0) + 1)
      else tally.refused++
    }
    const entries = cluster.written as Entry[]
    const wanted = applyInStampOrder(entries)
    if (wanted.length > 0) tally.filled++
    compare('one region that took the writes in the order of stamps', await replayed(entries), wanted)
    for (const region of [0, 1, 2]) compare(`region ${region}`, await scroll(cluster, region), wanted)
  } finally {
    cluster.close()
  }
}

const compare = (who: string, found: readonly Shown[], wanted: readonly Shown[]): void => {
  const [got, expected] = [found, wanted].map((records) => records.map((each) => canonicalJson(each as never)))
  if (got!.join('\n') !== expected!.join('\n'))
    throw new Difference(`${who} shows\n${got!.join('\n')}\nexpected\n${expected!.join('\n')}`)
}

/** The same cell writes, taken one after the other by a store of one region. */
const replayed = async (entries: readonly Entry[]): Promise<Shown[]> => {
  const alone = await ApiCluster.open({ regions: 1, seed: 1 })
  try {
    await alone.settle()
    await must(alone.call(0, 'PUT', PATH, CONFIG))
    let isDone = false
    const ops = [...entries].sort((a, b) => compareStamps(a.stamp, b.stamp)).map((entry): RecordOp => entry)
    alone.replica(0).write({ collection: COLLECTION, ops }, (outcome) => {
      if (!outcome.ok) throw outcome.error
      isDone = true
    })
    await alone.until(() => isDone, 'the writes')
    return await scroll(alone, 0)
  } finally {
    alone.close()
  }
}
