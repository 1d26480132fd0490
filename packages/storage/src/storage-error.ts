import { constants } from 'node:os'
import { StoreError } from '@meridian/core'

const { EDQUOT, EFBIG, ENOSPC } = constants.errno

/** LMDB's own codes, from `lmdb.h`. */
const MDB_CORRUPTED = -30796
const MDB_PAGE_NOTFOUND = -30797
const MDB_VERSION_MISMATCH = -30794
const MDB_INVALID = -30793
const MDB_MAP_FULL = -30792
const MDB_TXN_FULL = -30788

const FULL = new Set([ENOSPC, EDQUOT, EFBIG, MDB_MAP_FULL, MDB_TXN_FULL])
const CORRUPT = new Set([MDB_CORRUPTED, MDB_PAGE_NOTFOUND, MDB_VERSION_MISMATCH, MDB_INVALID])

/**
 * A failed commit as the port's error. Refusing for space may be tried again: LMDB aborts the transaction before its root moves,
 * and writes all pages of the next one anew, so no page of an earlier failed flush is ever relied upon.
 */
export const commitError = (cause: Error): StoreError =>
  FULL.has(codeOf(cause))
    ? new StoreError('STORAGE_FULL', `no space for the batch: ${cause.message}`, { cause })
    : new StoreError('STORAGE_FAILED', `the batch may not be on stable storage: ${cause.message}`, { cause })

/** A failed read, or a file that cannot be opened, as the port's error. */
export const readError = (what: string, cause: unknown): StoreError => {
  if (cause instanceof StoreError) return cause
  const error = cause instanceof Error ? cause : new Error(String(cause))
  const kind = CORRUPT.has(codeOf(error)) ? 'STORAGE_CORRUPT' : 'STORAGE_FAILED'
  return new StoreError(kind, `cannot read ${what}: ${error.message}`, { cause: error })
}

const codeOf = (error: Error): number => ('code' in error && typeof error.code === 'number' ? error.code : Number.NaN)
