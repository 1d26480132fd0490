import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DIMS, RAW_BYTES } from './records.js'
import { RegionChild } from './region-child.js'
import { Relay } from './relay.js'

export interface Load {
  readonly batch: number
  /** Requests under way at once. */
  readonly writers: number
  readonly records: number
}

export const LOADS: readonly Load[] = [
  { batch: 1, writers: 1, records: 1_000 },
  { batch: 1, writers: 64, records: 20_000 },
  { batch: 100, writers: 1, records: 40_000 },
  { batch: 1000, writers: 1, records: 100_000 },
]

export interface LoadResult extends Load {
  readonly seconds: number
  /** Until the last record is durable in the other process. */
  readonly recordsPerSecond: number
  /** On the socket between the two, both ways: framing, acknowledgements, heartbeats and the merging of small blocks included. */
  readonly wireBytes: { readonly out: number; readonly back: number }
  readonly wirePerRaw: number
}

const COLLECTION = 'bench'

/** Two regions' processes on this machine, one writing, and a relay on their only connection. */
export const replicate = async (loads: readonly Load[], index: 'none' | 'graph'): Promise<LoadResult[]> => {
  const results: LoadResult[] = []
  for (const load of loads) results.push(await measure(load, index))
  return results
}

const measure = async (load: Load, index: string): Promise<LoadResult> => {
  const dir = await mkdtemp(join(tmpdir(), 'meridian-bench-'))
  try {
    await using target = await RegionChild.open('us', index, { data: join(dir, 'us') })
    await using relay = await Relay.open(target.port)
    const flags = { data: join(dir, 'eu'), peer: `us=http://127.0.0.1:${relay.port}` }
    await using source = await RegionChild.open('eu', index, flags)
    await source.ask({ type: 'link', region: 'us' })
    const created = await source.ask({ type: 'create', collection: COLLECTION, dims: DIMS })
    await target.ask({ type: 'reach', replica: source.replica, seq: created })
    await source.ask({ type: 'settle' })

    const before = relay.bytes
    const startMs = performance.now()
    const { records, batch, writers } = load
    const seq = await source.ask({ type: 'write', collection: COLLECTION, from: 0, to: records, batch, writers })
    await target.ask({ type: 'reach', replica: source.replica, seq })
    const seconds = (performance.now() - startMs) / 1000
    await source.ask({ type: 'settle' })
    const out = relay.bytes.toTarget - before.toTarget
    const back = relay.bytes.fromTarget - before.fromTarget
    return {
      ...load,
      seconds: round(seconds, 3),
      recordsPerSecond: Math.round(records / seconds),
      wireBytes: { out, back },
      wirePerRaw: round((out + back) / (records * RAW_BYTES), 4),
    }
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

const round = (value: number, digits: number): number => Number(value.toFixed(digits))
