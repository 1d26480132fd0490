import { setTimeout as pause } from 'node:timers/promises'
import { isLinearizable, type Operation } from '@meridian/sim'
import type { SeededRandom } from '@meridian/core/seeded-random'
import type { Cluster } from './cluster.js'
import type { RegionProcess } from './region-process.js'

const KEYS = 2
const CLIENTS_A_REGION = 2
/** Chance that a call is a write. The first region's are seen, not covered at once by those of the others. */
const WRITES = { first: 0.5, others: 0.15 }
/** Of a call: past it the client gives up, and the outcome of a write is unknown. */
const CALL_MS = 5000

const AT = { 'meridian-consistency': 'linearizable' }

type Value = number | undefined
type Mutable<T> = { -readonly [K in keyof T]: T[K] }

export interface HistoryOptions {
  readonly collection: string
  /** Points of this history alone start here. */
  readonly firstId: number
  readonly forMs: number
  readonly random: SeededRandom
  /** Hurts the cluster for about so long, and heals it. */
  readonly faults: (forMs: number) => Promise<void>
}

export interface HistoryReport {
  readonly isLinearizable: boolean
  readonly answered: number
  readonly unknown: number
}

/**
 * Clients of all regions read, write and delete a few fresh points at linearizable, one call at a time each, while faults go on; then
 * whether what they saw is a register. Refusals say that nothing was done (503 of the first phase) or leave a write's outcome unknown.
 */
export const registerHistory = async (cluster: Cluster, options: HistoryOptions): Promise<HistoryReport> => {
  const { collection, firstId, forMs, random, faults } = options
  const books = Array.from({ length: KEYS }, (): Mutable<Operation<Value>>[] => [])
  let nextValue = 1
  let isOver = false

  const call = async (region: RegionProcess): Promise<void> => {
    const key = random.int(KEYS)
    const id = firstId + key
    const kind = random.chance(region === cluster.regions[0] ? WRITES.first : WRITES.others) ? 'write' : 'read'
    const value = kind === 'read' || random.chance(0.2) ? undefined : nextValue++
    const operation: Mutable<Operation<Value>> = { kind, value, called: performance.now(), returned: undefined }
    if (kind === 'write') books[key]!.push(operation)
    const reply = await (kind === 'read'
      ? send(region, 'POST', '?timeout=2', { ids: [id] }, AT)
      : value === undefined
        ? send(region, 'POST', '/delete?ordering=strong&timeout=2', { points: [id] })
        : send(region, 'PUT', '?ordering=strong&timeout=2', { points: [{ id, vector: [1, 1], payload: { value } }] }))
    const returned = performance.now()
    if (reply === undefined) return
    if (kind === 'read') {
      if (reply.status === 200) books[key]!.push({ ...operation, value: reply.value, returned })
    } else if (reply.isDurable) operation.returned = returned
    // The first phase failed: nothing was written.
    else if (reply.status === 503) books[key]!.splice(books[key]!.indexOf(operation), 1)
  }

  const send = async (
    region: RegionProcess,
    method: string,
    path: string,
    body: unknown,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; value: Value; isDurable: boolean } | undefined> => {
    try {
      const response = await fetch(`${region.url}/collections/${collection}/points${path}`, {
        method,
        headers: { 'content-type': 'application/json', ...headers },
        signal: AbortSignal.timeout(CALL_MS),
        body: JSON.stringify(body),
      })
      const json = (await response.json()) as { result?: { payload?: { value?: number } }[] }
      return {
        status: response.status,
        value: Array.isArray(json.result) ? json.result[0]?.payload?.value : undefined,
        isDurable: response.headers.get('meridian-write-status') === 'completed',
      }
    } catch {
      // The process was killed, is paused, or the time is over: nobody knows.
      return undefined
    }
  }

  const client = async (region: RegionProcess): Promise<void> => {
    while (!isOver) {
      await call(region)
      await pause(5 + random.int(30))
    }
  }
  const clients = cluster.regions.flatMap((region) =>
    Array.from({ length: CLIENTS_A_REGION + (region === cluster.regions[0] ? 1 : 0) }, () => client(region)),
  )
  await faults(forMs)
  isOver = true
  await Promise.all(clients)
  // What no client was told of matters too: the last reads see which writes took effect.
  for (const [key, book] of books.entries())
    for (const region of cluster.running) {
      const called = performance.now()
      const reply = await send(region, 'POST', '?timeout=4', { ids: [firstId + key] }, AT)
      if (reply?.status === 200) book.push({ kind: 'read', value: reply.value, called, returned: performance.now() })
    }
  return {
    isLinearizable: books.every((book) => isLinearizable(book, undefined)),
    answered: books.flat().filter(({ returned }) => returned !== undefined).length,
    unknown: books.flat().filter(({ returned }) => returned === undefined).length,
  }
}
