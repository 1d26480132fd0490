import { ClientError, type PointInput } from '@meridian/client'
import { isFlat, type Place, type Row, type RowVector } from './row.js'
import { Watermark } from './watermark.js'

/** A row that cannot be imported; `row` counts from 0. */
export interface BadRow {
  readonly row: number
  readonly reason: string
}

export interface Progress {
  /** Every row before it is done. */
  readonly done: Place
  /** Acknowledged points, those beyond `done` too. */
  readonly imported: number
  readonly skipped: number
}

export interface UploadOptions {
  readonly start: Place
  readonly batch: number
  /** Batches under way at once. */
  readonly concurrency: number
  /** Rejects with `ClientError`; it does its own repeating. */
  readonly send: (points: readonly PointInput[]) => Promise<unknown>
  /** Id of a row that brings none. */
  readonly idOf: (row: number) => number
  /** What to do about a row that is bad or that the server refuses: `stop` ends the upload, `skip` goes on. */
  readonly onBad: (bad: BadRow) => 'stop' | 'skip'
  readonly onProgress: (progress: Progress) => void
  /** Ends the upload after the batches under way. */
  readonly signal?: AbortSignal
}

/** Keeps a batch's JSON (up to 20 bytes a number) under the server's usual limit of 32 MiB. */
const NUMBERS_MAX = 1_000_000

const numbersIn = (vector: RowVector): number =>
  isFlat(vector) ? vector.length : Object.values(vector).reduce((sum, each) => sum + each.length, 0)

interface Item {
  readonly row: number
  readonly point: PointInput
}

/**
 * Sends rows in batches, several at once. Resolves when all are acknowledged, when it is told to stop, or after a bad row;
 * rejects when the source or the connection fails for good. In every case nothing is under way any more afterwards, and the
 * last `Progress` told is true.
 */
export const upload = async (rows: AsyncIterable<Row>, options: UploadOptions): Promise<Progress> => {
  const watermark = new Watermark(options.start)
  const inFlight = new Set<Promise<void>>()
  let imported = 0
  let skipped = 0
  let failure: unknown
  let stopping = false
  const progress = (): Progress => ({ done: watermark.place, imported, skipped })

  const refuse = (bad: BadRow): boolean => {
    if (stopping) return false
    if (options.onBad(bad) === 'stop') stopping = true
    else skipped++
    return !stopping
  }

  /** A refused batch is halved until the point that is to blame stands alone. `false`: stopped on a bad row. */
  const sendItems = async (items: readonly Item[]): Promise<boolean> => {
    if (items.length === 0) return true
    try {
      await options.send(items.map((item) => item.point))
      imported += items.length
      return true
    } catch (error) {
      if (!isRefusalOfContent(error)) throw error
      if (items.length === 1) return refuse({ row: items[0]!.row, reason: error.message })
      const middle = items.length >> 1
      return (await sendItems(items.slice(0, middle))) && (await sendItems(items.slice(middle)))
    }
  }

  const start = (items: readonly Item[], from: number, to: Place): void => {
    const run: Promise<void> = sendItems(items)
      .then((isWhole) => {
        if (isWhole) watermark.finish(from, to)
        options.onProgress(progress())
      })
      .catch((error: unknown) => {
        failure ??= error
        stopping = true
      })
      .finally(() => inFlight.delete(run))
    inFlight.add(run)
  }

  let items: Item[] = []
  let numbers = 0
  let from = options.start.row
  let to = options.start
  try {
    for await (const row of rows) {
      if (stopping || options.signal?.aborted) break
      if (row.kind === 'bad' && !refuse({ row: row.row, reason: row.reason })) break
      if (row.kind === 'point') {
        items.push({ row: row.row, point: toPoint(row, options.idOf) })
        numbers += numbersIn(row.vector)
      }
      to = { row: row.row + 1, byte: row.endByte }
      if (items.length < options.batch && numbers < NUMBERS_MAX && to.row - from < options.batch * 8) continue
      start(items, from, to)
      items = []
      numbers = 0
      from = to.row
      while (inFlight.size >= options.concurrency) await Promise.race(inFlight)
    }
  } catch (error) {
    failure ??= error
  }
  if (to.row > from && !(failure instanceof ClientError)) start(items, from, to)
  await Promise.all(inFlight)
  if (failure !== undefined) throw failure
  return progress()
}

const toPoint = (row: Row & { kind: 'point' }, idOf: (row: number) => number): PointInput => ({
  id: row.id ?? idOf(row.row),
  vector: row.vector,
  ...(row.payload === undefined ? {} : { payload: row.payload }),
})

/** The server said that the points are at fault, not the collection, the key or the moment. */
const isRefusalOfContent = (error: unknown): error is ClientError =>
  error instanceof ClientError && (error.status === 400 || error.status === 413 || error.status === 422)
