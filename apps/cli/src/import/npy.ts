import { StoreError } from '@meridian/core'
import { ChunkReader } from './chunk-reader.js'
import { decodeElements, ELEMENT_BYTES, type ElementType } from './elements.js'
import { type Place, type Row, START } from './row.js'

export interface NpyHeader {
  readonly type: ElementType
  readonly rows: number
  readonly dims: number
  /** Offset of the first row. */
  readonly dataByte: number
}

const fail = (message: string): never => {
  throw new StoreError('DECODE_FAILED', message)
}

/** Bytes that certainly hold the header of a file we read: real ones have 128. */
export const NPY_HEAD_BYTES = 65_536

/**
 * The header of a .npy file, format versions 1 to 3.
 * @throws StoreError `DECODE_FAILED` naming what is not supported: we read two-dimensional C-order arrays of f2, f4, f8 and u1.
 */
export const parseNpyHeader = (head: Uint8Array): NpyHeader => {
  const text = Buffer.from(head.buffer, head.byteOffset, head.byteLength)
  if (text.length < 12 || text.toString('latin1', 0, 6) !== '\x93NUMPY')
    return fail('file does not begin like a .npy file')
  const major = text[6]!
  if (major < 1 || major > 3) return fail(`.npy format version ${major} is not supported (1, 2 and 3 are)`)
  const start = major === 1 ? 10 : 12
  const dataByte = start + (major === 1 ? text.readUInt16LE(8) : text.readUInt32LE(8))
  if (dataByte > text.length)
    return fail(`file ends inside its .npy header, or the header is longer than ${NPY_HEAD_BYTES} bytes`)
  const dict = text.toString(major === 3 ? 'utf8' : 'latin1', start, dataByte)
  const descr = /'descr'\s*:\s*'([^']*)'/.exec(dict)?.[1]
  if (descr === undefined || !Object.hasOwn(ELEMENT_BYTES, descr))
    return fail(
      `.npy element type ${descr ?? 'of several fields'} is not supported (${Object.keys(ELEMENT_BYTES).join(', ')} are)`,
    )
  if (!/'fortran_order'\s*:\s*False/.test(dict))
    return fail('.npy array is in Fortran order; save it with numpy.ascontiguousarray')
  const shape = /'shape'\s*:\s*\(([^)]*)\)/.exec(dict)?.[1] ?? ''
  const [rows, dims, ...more] = shape
    .split(',')
    .filter((part) => part.trim() !== '')
    .map(Number)
  if (rows === undefined || dims === undefined || more.length > 0)
    return fail(`.npy array has shape (${shape}); it must be (rows, dimension)`)
  if (!Number.isSafeInteger(rows) || !Number.isSafeInteger(dims) || rows < 0 || dims < 1 || dims > 65_536)
    return fail(`.npy shape (${shape}) is out of range: 1 to 65,536 dimensions`)
  return { type: descr as ElementType, rows, dims, dataByte }
}

export const npyRowBytes = (header: NpyHeader): number => header.dims * ELEMENT_BYTES[header.type]

/** Where row number `row` begins. */
export const npyPlace = (header: NpyHeader, row: number): Place => ({
  row,
  byte: header.dataByte + row * npyRowBytes(header),
})

/**
 * The rows of a .npy stream that begins at `from`, which is a place in the data (see `npyPlace`).
 * @throws StoreError `DECODE_FAILED` when it ends before the header's number of rows.
 */
export async function* npyRows(
  chunks: AsyncIterable<Uint8Array>,
  header: NpyHeader,
  from: Place = { ...START, byte: header.dataByte },
): AsyncGenerator<Row> {
  const reader = new ChunkReader(chunks)
  const rowBytes = npyRowBytes(header)
  for (let row = from.row; row < header.rows; row++) {
    const bytes = await reader.take(rowBytes)
    if (bytes.length < rowBytes)
      fail(`file ends inside row ${row} of ${header.rows}: ${bytes.length} of ${rowBytes} bytes`)
    yield { row, endByte: npyPlace(header, row + 1).byte, ...decodeElements(bytes, header.type) }
  }
}
