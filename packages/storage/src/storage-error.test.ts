import { constants } from 'node:os'
import { expect, test } from 'vitest'
import { commitError, hasLessThan } from './storage-error.js'

const { EDQUOT, EFBIG, EIO, ENOSPC, EROFS } = constants.errno
const withCode = (code: number): Error => Object.assign(new Error('refused'), { code })

test('[ST29] a lack of space is STORAGE_FULL, by whatever name; all else is STORAGE_FAILED', () => {
  const code = (error: Error, isFull: boolean): string => commitError(error, () => isFull).code
  for (const full of [ENOSPC, EDQUOT, EFBIG, -30792, -30788]) expect(code(withCode(full), false)).toBe('STORAGE_FULL')
  expect(code(withCode(EIO), true)).toBe('STORAGE_FULL')
  expect(code(withCode(EIO), false)).toBe('STORAGE_FAILED')
  expect(code(withCode(EROFS), true)).toBe('STORAGE_FAILED')
  expect(code(new Error('without a code'), true)).toBe('STORAGE_FAILED')
})

test('[ST29] the room on a disk is asked of the disk', () => {
  expect(hasLessThan('.', 0)).toBe(false)
  expect(hasLessThan('.', Number.MAX_SAFE_INTEGER)).toBe(true)
  expect(hasLessThan('/no such directory', 1)).toBe(false)
})
