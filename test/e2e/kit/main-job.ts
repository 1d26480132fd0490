import type { Filter, JsonObject, PointInput } from '@meridian/client'
import { compareStamps, type Stamp } from '@meridian/core'
import type { Cluster } from './cluster.js'
import { type Distance, distance, nearestDistances, Recall } from './recall.js'
import type { RegionProcess } from './region-process.js'
import { until } from './until.js'

const CONTESTED_FIRST_ID = 1_000_000
const CONTESTED = 1000
const CONTESTED_BATCH = 50
const BATCH = 500
const SEARCHES_AT_ONCE = 8
const K = 10

export interface Question {
  readonly name: string
  readonly filter?: Filter
  /** Queries by number. */
  readonly queries: number
  /** Distances of the true nearest ten among the base rows, ascending. */
  truth(query: number): readonly number[]
}

/** Real rows for three regions, and what is asked of them in the end. */
export interface MainJob {
  readonly collection: string
  readonly metric: Distance
  readonly dims: number
  /** Row number and id are the same below `CONTESTED_FIRST_ID`. */
  readonly ids: readonly number[]
  row(id: number): Float32Array
  payload(id: number): JsonObject
  query(number: number): Float32Array
  readonly questions: readonly Question[]
}

export interface Winner {
  readonly region: string
  readonly stamp: Stamp
}

export interface JobFigures {
  readonly rows: number
  readonly loadSeconds: number
  readonly agreeSeconds: number
  readonly indexSeconds: number
  readonly bytesSent: Readonly<Record<string, number>>
  /** By region, then by question. */
  readonly recall: Readonly<Record<string, Readonly<Record<string, number>>>>
  readonly searchSeconds: number
  readonly winners: Readonly<Record<string, number>>
}

interface History {
  readonly writes: readonly { readonly what: string; readonly stamp: Stamp; readonly region: string }[]
}

/** The vector that the region numbered `writer` gives to a contested id: a row of the base, moved by an amount of its own. */
export const contestedVector = (job: MainJob, n: number, writer: number): Float32Array => {
  const row = job.row(job.ids[(n * 7 + writer * 13) % job.ids.length]!)
  const scale = job.metric === 'Euclid' ? 8 : 0.02
  return row.map((value, i) => Math.fround(value + ((i + n + writer) % 3) * scale * (writer + 1)))
}

/** Each region takes a different third, all at once; meanwhile all of them write the same 1,000 ids. Returns the newest stamps seen. */
export const load = async (cluster: Cluster, job: MainJob): Promise<Map<number, Winner>> => {
  const newest = new Map<number, Winner>()
  const third = async ({ client }: RegionProcess, n: number): Promise<void> => {
    const ids = job.ids.filter((_, i) => i % cluster.regions.length === n)
    for (let from = 0; from < ids.length; from += BATCH)
      await client.upsert(
        job.collection,
        ids.slice(from, from + BATCH).map((id) => basePoint(job, id)),
      )
  }
  const contest = async (): Promise<void> => {
    for (let from = 0; from < CONTESTED; from += CONTESTED_BATCH)
      await Promise.all(
        cluster.regions.map(async (region, writer) => {
          const numbers = Array.from({ length: CONTESTED_BATCH }, (_, i) => from + i)
          await region.client.upsert(
            job.collection,
            numbers.map((n) => contestedPoint(job, n, region.name, writer)),
          )
          for (const n of numbers) note(newest, CONTESTED_FIRST_ID + n, await winnerAt(region, job, n))
        }),
      )
  }
  await Promise.all([...cluster.regions.map(third), contest()])
  return newest
}

const basePoint = (job: MainJob, id: number): PointInput => ({ id, vector: job.row(id), payload: job.payload(id) })

const contestedPoint = (job: MainJob, n: number, region: string, writer: number): PointInput => ({
  id: CONTESTED_FIRST_ID + n,
  vector: contestedVector(job, n, writer),
  payload: { by: region, n },
})

const note = (newest: Map<number, Winner>, id: number, seen: Winner): void => {
  const known = newest.get(id)
  if (known === undefined || compareStamps(seen.stamp, known.stamp) > 0) newest.set(id, seen)
}

/** Right after its own write a region shows that write or a newer one: the newest of all that were seen is the newest of all. */
const winnerAt = async ({ client }: RegionProcess, job: MainJob, n: number): Promise<Winner> => {
  const path = `/meridian/collections/${job.collection}/points/${CONTESTED_FIRST_ID + n}/history`
  const { writes } = await client.call<History>({ method: 'GET', path })
  const [put] = writes
  if (put === undefined || put.what !== 'put' || writes.length !== 1)
    throw new Error(`${path}: one put is expected, not ${JSON.stringify(writes)}`)
  return { region: put.region, stamp: put.stamp }
}

/** What one region holds of the contested ids. */
export const contestedAt = async (region: RegionProcess, job: MainJob) => {
  const ids = Array.from({ length: CONTESTED }, (_, n) => CONTESTED_FIRST_ID + n)
  const records = await region.client.retrieve(job.collection, ids, { with_vector: true, with_payload: true })
  const winners = new Map<number, Winner>()
  for (let n = 0; n < CONTESTED; n++) winners.set(CONTESTED_FIRST_ID + n, await winnerAt(region, job, n))
  return { records, winners }
}

/** How far a stored vector is from what a region wrote: 0 but for rounding when it is that region's. */
export const distanceFrom = (job: MainJob, id: number, writer: number, vector: readonly number[]): number =>
  distance(job.metric, contestedVector(job, id - CONTESTED_FIRST_ID, writer), Float32Array.from(vector))

/** Recall@10 of one region, by question. The contested ids' winners are part of the truth where there is no filter. */
export const recallAt = async (
  region: RegionProcess,
  job: MainJob,
  winners: ReadonlyMap<number, number>,
): Promise<Record<string, number>> => {
  const contested = new Map([...winners].map(([id, w]) => [id, contestedVector(job, id - CONTESTED_FIRST_ID, w)]))
  const vectorOf = (id: number | bigint | string): Float32Array => contested.get(Number(id)) ?? job.row(Number(id))
  const recall: Record<string, number> = {}
  for (const question of job.questions) {
    const score = new Recall(job.metric)
    let next = 0
    const ask = async (): Promise<void> => {
      for (let number = next++; number < question.queries; number = next++) {
        const query = job.query(number)
        const hits = await region.client.query(job.collection, {
          query,
          limit: K,
          ...(question.filter === undefined ? {} : { filter: question.filter }),
        })
        const others = question.filter === undefined ? nearestDistances(job.metric, query, contested.values(), K) : []
        const nearest = [...question.truth(number), ...others].sort((a, b) => a - b).slice(0, K)
        score.add(query, nearest, hits, vectorOf)
      }
    }
    await Promise.all(Array.from({ length: SEARCHES_AT_ONCE }, ask))
    recall[question.name] = score.value
  }
  return recall
}

/** Makes the collection in the first region and waits until all know it. */
export const createCollection = async (cluster: Cluster, job: MainJob): Promise<void> => {
  const vectors = { size: job.dims, distance: job.metric }
  await cluster.regions[0]!.client.createCollection(job.collection, { vectors })
  for (const { name, client } of cluster.regions)
    await until(`${name} has the collection`, () => client.collectionExists(job.collection))
}
