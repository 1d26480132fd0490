import { createReadStream } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { extname } from 'node:path'
import { StoreError } from '@meridian/core'
import { fvecsDims, fvecsRowBytes, fvecsRows } from './fvecs.js'
import { ndjsonRows, payloadRows } from './ndjson.js'
import { NPY_HEAD_BYTES, npyPlace, npyRows, parseNpyHeader } from './npy.js'
import type { Place, Row } from './row.js'

/** A file of points that can be read from any row on, never held whole. */
export interface RowSource {
  readonly bytes: number
  readonly mtimeMs: number
  /** Known only where the format says so. */
  readonly rows: number | undefined
  /** Whether rows carry their own ids. */
  readonly hasIds: boolean
  /** Where `row` begins; formats of fixed row size only, others must read up to it. */
  placeOf(row: number): Place | undefined
  /** @throws StoreError `DECODE_FAILED` when the file is damaged in a way that ends reading. */
  read(from: Place): AsyncIterable<Row>
}

/** @throws StoreError `BAD_REQUEST` for a file that is missing or of unknown kind, `DECODE_FAILED` for a damaged head. */
export const openRows = async (path: string): Promise<RowSource> => {
  const { size: bytes, mtimeMs, head } = await peek(path)
  const chunks = (from: Place): AsyncIterable<Uint8Array> =>
    createReadStream(path, { start: from.byte, highWaterMark: 1 << 20 })
  switch (extname(path).toLowerCase()) {
    case '.ndjson':
    case '.jsonl':
      return {
        bytes,
        mtimeMs,
        rows: undefined,
        hasIds: true,
        placeOf: () => undefined,
        read: (from) => ndjsonRows(chunks(from), from),
      }
    case '.fvecs': {
      const dims = fvecsDims(head)
      return {
        bytes,
        mtimeMs,
        rows: Math.ceil(bytes / fvecsRowBytes(dims)),
        hasIds: false,
        placeOf: (row) => ({ row, byte: row * fvecsRowBytes(dims) }),
        read: (from) => fvecsRows(chunks(from), dims, from),
      }
    }
    case '.npy': {
      const header = parseNpyHeader(head)
      return {
        bytes,
        mtimeMs,
        rows: header.rows,
        hasIds: false,
        placeOf: (row) => npyPlace(header, row),
        read: (from) => {
          const place = from.byte < header.dataByte ? npyPlace(header, from.row) : from
          return npyRows(chunks(place), header, place)
        },
      }
    }
    default:
      throw new StoreError('BAD_REQUEST', `${path}: the name must end in .ndjson, .jsonl, .fvecs or .npy`)
  }
}

const peek = async (path: string): Promise<{ size: number; mtimeMs: number; head: Uint8Array }> => {
  try {
    const { size, mtimeMs } = await stat(path)
    const file = await open(path)
    try {
      const { bytesRead, buffer } = await file.read(new Uint8Array(NPY_HEAD_BYTES), 0, NPY_HEAD_BYTES, 0)
      return { size, mtimeMs, head: buffer.subarray(0, bytesRead) }
    } finally {
      await file.close()
    }
  } catch (error) {
    throw new StoreError('BAD_REQUEST', `cannot read ${path}: ${(error as Error).message}`, { cause: error })
  }
}

/** Rows with a payload each from a second file, line by row. A row without a line is bad. */
export async function* withPayloads(rows: AsyncIterable<Row>, path: string, fromRow: number): AsyncGenerator<Row> {
  const payloads = payloadRows(createReadStream(path, { highWaterMark: 1 << 20 }))
  try {
    for (let i = 0; i < fromRow; i++) if ((await payloads.next()).done) break
    for await (const row of rows) {
      const next = await payloads.next()
      if (next.done) yield bad(row, `${path} has no line for it`)
      else if ('reason' in next.value) yield bad(row, `${path} line ${row.row + 1}: ${next.value.reason}`)
      else yield row.kind === 'point' ? { ...row, payload: next.value.payload } : row
    }
  } finally {
    await payloads.return(undefined)
  }
}

const bad = (row: Row, reason: string): Row => ({ kind: 'bad', row: row.row, endByte: row.endByte, reason })

/** Rows `from` (inclusive) to `to` (exclusive), and no others. */
export async function* between(rows: AsyncIterable<Row>, from: number, to: number): AsyncGenerator<Row> {
  for await (const row of rows) {
    if (row.row >= to) return
    if (row.row >= from) yield row
  }
}
