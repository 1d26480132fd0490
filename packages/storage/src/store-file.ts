import { closeSync, fstatSync, ftruncateSync, openSync, readSync } from 'node:fs'
import { type Log, StoreError } from '@meridian/core'

/**
 * LMDB's meta page: a page header (24 bytes), magic, version, address (8), map size (8), two trees of 48 bytes each of which the
 * first begins with the page size, and the number of the last page (8). Two such pages lead the file.
 */
const MAGIC_AT = 24
const VERSION_AT = 28
const PAGE_SIZE_AT = 48
const LAST_PAGE_AT = 144
const HEADER_BYTES = 152
const MAGIC = 0xbeefc0de
const VERSION = 2
const PAGE_BYTES_MIN = 512
const PAGE_BYTES_MAX = 0x10000

/**
 * Looks at what LMDB would look at first, because opening a file that it refuses ends the process: lmdb 3.5 frees memory twice
 * on that path. A file that is cut off is filled up with zeros, for reading a mapped page beyond the end would end the process
 * too; what was lost then shows as damaged values. Pages at the end may also be missing because they never held anything.
 * @throws StoreError `STORAGE_CORRUPT` if `path` is missing or no LMDB file; the system's error if it cannot be read and written.
 */
export const checkStoreFile = (path: string, log: Log): void => {
  const handle = openExisting(path)
  try {
    const first = readMeta(path, handle, 0)
    const second = readMeta(path, handle, first.pageBytes)
    const bytes = fstatSync(handle).size
    const bytesMin = (Math.max(first.lastPage, second.lastPage) + 1) * first.pageBytes
    if (!Number.isSafeInteger(bytesMin)) throw corrupt(path, 'has a damaged header')
    if (bytes >= bytesMin) return
    log.warn({ path, bytes, bytes_expected: bytesMin }, 'store file is shorter than its header says')
    ftruncateSync(handle, bytesMin)
  } finally {
    closeSync(handle)
  }
}

const openExisting = (path: string): number => {
  try {
    return openSync(path, 'r+')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw corrupt(path, 'is missing')
    throw error
  }
}

const readMeta = (path: string, handle: number, offset: number): { pageBytes: number; lastPage: number } => {
  const header = Buffer.alloc(HEADER_BYTES)
  if (readSync(handle, header, 0, HEADER_BYTES, offset) < HEADER_BYTES) throw corrupt(path, 'is cut off')
  const pageBytes = header.readUInt32LE(PAGE_SIZE_AT)
  const isPageSize = pageBytes >= PAGE_BYTES_MIN && pageBytes <= PAGE_BYTES_MAX && (pageBytes & (pageBytes - 1)) === 0
  if (header.readUInt32LE(MAGIC_AT) !== MAGIC || header.readUInt32LE(VERSION_AT) !== VERSION || !isPageSize)
    throw corrupt(path, 'is not a store of this version')
  return { pageBytes, lastPage: Number(header.readBigUInt64LE(LAST_PAGE_AT)) }
}

const corrupt = (path: string, why: string): StoreError => new StoreError('STORAGE_CORRUPT', `${path} ${why}`)
