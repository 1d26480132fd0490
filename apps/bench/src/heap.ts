import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { built } from './built.js'
import { DIMS } from './records.js'

const MAIN = built('heap-main')

export interface HeapResult {
  readonly records: number
  readonly dims: number
  /** JavaScript heap. */
  readonly heapBytesPerRecord: number
  /** Typed arrays, outside the heap. */
  readonly bufferBytesPerRecord: number
  readonly bytesPerRecord: number
}

/** What one record costs the engine of a region in memory, without the graph. */
export const heap = async (records: number): Promise<HeapResult> => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', MAIN, String(records)])
  const { heap: heapBytes, buffers } = JSON.parse(stdout) as { heap: number; buffers: number }
  const each = (bytes: number): number => Math.round((bytes / records) * 10) / 10
  return {
    records,
    dims: DIMS,
    heapBytesPerRecord: each(heapBytes),
    bufferBytesPerRecord: each(buffers),
    bytesPerRecord: each(heapBytes + buffers),
  }
}
