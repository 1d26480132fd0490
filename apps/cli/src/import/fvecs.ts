import { StoreError } from '@meridian/core'
import { ChunkReader } from './chunk-reader.js'
import { decodeElements } from './elements.js'
import { type Place, type Row, START } from './row.js'

const DIMS_MAX = 65_536

/** Bytes of one row: a 32-bit count, then that many 32-bit floats, all little-endian. */
export const fvecsRowBytes = (dims: number): number => 4 + 4 * dims

/** @throws StoreError `DECODE_FAILED` unless the first 4 bytes of a file are a sane count. */
export const fvecsDims = (head: Uint8Array): number => {
  if (head.length < 4) throw new StoreError('DECODE_FAILED', 'file is empty or too short for .fvecs')
  const dims = new DataView(head.buffer, head.byteOffset).getInt32(0, true)
  if (dims >= 1 && dims <= DIMS_MAX) return dims
  throw new StoreError('DECODE_FAILED', `file does not look like .fvecs: it begins with dimension ${dims}`)
}

/**
 * The rows of an .fvecs stream that begins at `from`. All rows of a file have the same dimension.
 * @throws StoreError `DECODE_FAILED` when it ends inside a row or a row's dimension differs: what follows cannot be read then.
 */
export async function* fvecsRows(
  chunks: AsyncIterable<Uint8Array>,
  dims: number,
  from: Place = START,
): AsyncGenerator<Row> {
  const reader = new ChunkReader(chunks)
  const rowBytes = fvecsRowBytes(dims)
  for (let row = from.row, byte = from.byte; ; row++, byte += rowBytes) {
    const bytes = await reader.take(rowBytes)
    if (bytes.length === 0) return
    if (bytes.length < rowBytes)
      throw new StoreError('DECODE_FAILED', `file ends inside row ${row}: ${bytes.length} of ${rowBytes} bytes`)
    const found = new DataView(bytes.buffer, bytes.byteOffset).getInt32(0, true)
    if (found !== dims)
      throw new StoreError('DECODE_FAILED', `row ${row} has dimension ${found}; the rows before it have ${dims}`)
    yield { row, endByte: byte + rowBytes, ...decodeElements(bytes.subarray(4), '<f4') }
  }
}
