import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { quantiles, type Quantiles } from './quantiles.js'
import { DIMS } from './records.js'
import { RegionChild } from './region-child.js'
import { Relay } from './relay.js'

export interface FreshnessPlan {
  /** Of each direction of every link. */
  readonly delaysMs: readonly number[]
  /** By each region, one at a time. */
  readonly writes: number
  readonly everyMs: number
}

export const FRESHNESS_PLAN: FreshnessPlan = { delaysMs: [0, 100], writes: 200, everyMs: 10 }

/** From the moment a write is asked for in one region, until it is seen in another. */
export interface Freshness {
  readonly delayMs: number
  readonly from: string
  readonly to: string
  /** Until reads there show it. */
  readonly merged: Quantiles
  /** Until the answer of a search there holds it. */
  readonly searchable: Quantiles
}

const COLLECTION = 'bench'

/** Three regions' processes on this machine, each pair on a connection of its own that delays both ways alike. */
export const freshness = async (plan: FreshnessPlan): Promise<Freshness[]> => {
  const found: Freshness[] = []
  for (const delayMs of plan.delaysMs) found.push(...(await measure(plan, delayMs)))
  return found
}

const measure = async ({ writes, everyMs }: FreshnessPlan, delayMs: number): Promise<Freshness[]> => {
  const dir = await mkdtemp(join(tmpdir(), 'meridian-bench-'))
  const at = (relay: Relay): string => `http://127.0.0.1:${relay.port}`
  try {
    await using ap = await RegionChild.open('ap', 'graph', { data: join(dir, 'ap') })
    await using usToAp = await Relay.open(ap.port, delayMs)
    await using euToAp = await Relay.open(ap.port, delayMs)
    await using us = await RegionChild.open('us', 'graph', { data: join(dir, 'us'), peer: `ap=${at(usToAp)}` })
    await using euToUs = await Relay.open(us.port, delayMs)
    const peers = `us=${at(euToUs)},ap=${at(euToAp)}`
    await using eu = await RegionChild.open('eu', 'graph', { data: join(dir, 'eu'), peer: peers })
    const regions = [eu, us, ap]
    for (const one of regions)
      for (const { region } of regions) if (region !== one.region) await one.ask({ type: 'link', region })
    const created = await eu.ask({ type: 'create', collection: COLLECTION, dims: DIMS })
    for (const other of [us, ap]) await other.ask({ type: 'reach', replica: eu.replica, seq: created })

    const found: Freshness[] = []
    for (const [n, source] of regions.entries()) {
      const others = regions.filter((each) => each !== source)
      const range = { collection: COLLECTION, from: n * writes, to: (n + 1) * writes }
      for (const other of others) await other.ask({ type: 'watch', ...range })
      const [startedAt] = await source.askTimes({ type: 'trickle', ...range, everyMs })
      for (const other of others) {
        const [merged, searchable] = await other.askTimes({ type: 'seen' })
        const since = (times: readonly number[]): Quantiles => quantiles(times.map((time, i) => time - startedAt![i]!))
        found.push({
          delayMs,
          from: source.region,
          to: other.region,
          merged: since(merged!),
          searchable: since(searchable!),
        })
      }
    }
    return found
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}
