import { ClientError, type PointInput } from '@meridian/client'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type ImportKey, resumption } from './import-state.js'
import { type Row, START } from './row.js'
import { type BadRow, type UploadOptions, upload } from './uploader.js'
import { Watermark } from './watermark.js'

test('[CI8] the watermark is the end of the longest finished run of batches, in whatever order they finish', () => {
  const batches = fc.uniqueArray(fc.integer({ min: 0, max: 30 }), { minLength: 1 })
  fc.assert(
    fc.property(batches, (order) => {
      const mark = new Watermark(START)
      const done = new Set<number>()
      for (const batch of order) {
        mark.finish(batch * 10, { row: batch * 10 + 10, byte: batch * 1000 + 1000 })
        done.add(batch)
        let run = 0
        while (done.has(run)) run++
        expect(mark.place).toEqual({ row: run * 10, byte: run * 1000 })
      }
    }),
  )
})

async function* points(count: number, badRows: readonly number[] = []): AsyncGenerator<Row> {
  for (let row = 0; row < count; row++) {
    const place = { row, endByte: row * 10 + 10 }
    yield badRows.includes(row)
      ? { ...place, kind: 'bad', reason: 'broken' }
      : { ...place, kind: 'point', id: undefined, vector: [row], payload: undefined }
  }
}

const options = (over: Partial<UploadOptions>): UploadOptions => ({
  start: START,
  batch: 10,
  concurrency: 3,
  send: async () => {},
  idOf: (row) => row + 100,
  onBad: () => 'stop',
  onProgress: () => {},
  ...over,
})

test('[CI9] every point is sent once, in batches, no more of them at once than allowed', async () => {
  const sent: PointInput[] = []
  let open = 0
  let mostOpen = 0
  const waiting: (() => void)[] = []
  const result = await upload(
    points(95),
    options({
      send: async (batch) => {
        mostOpen = Math.max(mostOpen, ++open)
        sent.push(...batch)
        expect(batch.length).toBeLessThanOrEqual(10)
        await new Promise<void>((resolve) => {
          waiting.push(resolve)
          if (waiting.length === 3 || sent.length > 90) for (const go of waiting.splice(0).reverse()) go()
        })
        open--
      },
    }),
  )
  expect(sent.map((point) => point.id).sort((a, b) => Number(a) - Number(b))).toEqual(
    Array.from({ length: 95 }, (_, i) => i + 100),
  )
  expect(mostOpen).toBe(3)
  expect(result).toEqual({ done: { row: 95, byte: 950 }, imported: 95, skipped: 0 })
})

test('[CI10] a bad row stops the import there, and everything before it is in', async () => {
  const bad: BadRow[] = []
  const result = await upload(
    points(50, [23]),
    options({
      onBad: (row) => {
        bad.push(row)
        return 'stop'
      },
    }),
  )
  expect(bad).toEqual([{ row: 23, reason: 'broken' }])
  expect(result).toEqual({ done: { row: 23, byte: 230 }, imported: 23, skipped: 0 })
})

const refusing = (rows: readonly number[]) => async (batch: readonly PointInput[]) => {
  if (batch.some((point) => rows.includes(Number(point.id) - 100))) throw new ClientError(400, 'Wrong input: no')
}

test('[CI11] of a refused batch exactly the refused points are named; all others go in', async () => {
  const bad: BadRow[] = []
  const result = await upload(
    points(40),
    options({
      send: refusing([7, 8, 31]),
      onBad: (row) => {
        bad.push(row)
        return 'skip'
      },
    }),
  )
  expect(bad.map((row) => row.row).sort((a, b) => a - b)).toEqual([7, 8, 31])
  expect(result).toEqual({ done: { row: 40, byte: 400 }, imported: 37, skipped: 3 })
})

test('[CI11] without skipping, a refused point keeps the place before its batch', async () => {
  const bad: BadRow[] = []
  const result = await upload(
    points(40),
    options({
      concurrency: 1,
      send: refusing([17]),
      onBad: (row) => {
        bad.push(row)
        return 'stop'
      },
    }),
  )
  expect(bad).toEqual([{ row: 17, reason: 'Wrong input: no' }])
  expect(result.done).toEqual({ row: 10, byte: 100 })
})

test('[CI12] a connection lost for good ends it; what is told as done was acknowledged', async () => {
  const acked = new Set<number>()
  let lastDone = 0
  const run = upload(
    points(100),
    options({
      send: async (batch) => {
        if (batch.some((point) => point.id === 155)) throw new ClientError(0, 'gone', 'CONNECTION_LOST')
        for (const point of batch) acked.add(Number(point.id) - 100)
      },
      onProgress: (progress) => {
        lastDone = progress.done.row
        for (let row = 0; row < lastDone; row++) expect(acked.has(row)).toBe(true)
      },
    }),
  )
  await expect(run).rejects.toThrow('gone')
  expect(lastDone).toBe(50)
})

test('[CI13] an interruption ends it after the batches under way', async () => {
  const controller = new AbortController()
  const result = await upload(
    points(1000),
    options({ signal: controller.signal, onProgress: (progress) => progress.imported >= 30 && controller.abort() }),
  )
  expect(result.done.row).toBeGreaterThanOrEqual(30)
  expect(result.done.row).toBeLessThan(100)
  expect(result.imported).toBe(result.done.row)
})

const key: ImportKey = { collection: 'c', uid: 'u', fileBytes: 10, fileMtimeMs: 1.5, fromRow: 0, idStart: 0 }
const state = { version: 1, ...key, done: { row: 5, byte: 50 }, imported: 5, skipped: 0 }

test('[CI14] a state resumes exactly the same import; a changed file or collection starts again and says what changed', () => {
  expect(resumption(JSON.stringify(state), key)).toEqual({ kind: 'resume', state })
  expect(resumption(JSON.stringify(state), { ...key, fileMtimeMs: 2 })).toMatchObject({
    kind: 'changed',
    what: 'time of the file',
  })
  for (const change of [{ uid: 'v' }, { fileBytes: 11 }, { fromRow: 1 }, { idStart: 1 }, { collection: 'd' }])
    expect(resumption(JSON.stringify(state), { ...key, ...change }).kind).toBe('changed')
  for (const text of [
    undefined,
    '',
    '{',
    '{}',
    JSON.stringify({ ...state, done: { row: -1, byte: 0 } }),
    JSON.stringify({ ...state, version: 2 }),
  ])
    expect(resumption(text, key)).toEqual({ kind: 'fresh' })
})
