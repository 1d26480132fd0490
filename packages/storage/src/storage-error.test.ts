import { constants } from 'node:os'
import { expect, test } from 'vitest'
import { commitError } from './storage-error.js'

const { EDQUOT, EFBIG, EIO, ENOSPC, EROFS } = constants.errno
const withCode = (code: number): Error => Object.assign(new Error('refused'), { code })

test('[ST29] a lack of space is STORAGE_FULL, by whatever name; all else is STORAGE_FAILED', () => {
  const code = (error: Error): string => commitError(error).code
  for (const full of [ENOSPC, EDQUOT, EFBIG, -30792, -30788]) expect(code(withCode(full))).toBe('STORAGE_FULL')
  for (const broken of [EIO, EROFS]) expect(code(withCode(broken))).toBe('STORAGE_FAILED')
  expect(code(new Error('without a code'))).toBe('STORAGE_FAILED')
})
