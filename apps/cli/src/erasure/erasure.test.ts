import type { ErasureInfo } from '@meridian/client'
import { expect, test } from 'vitest'
import { erasureLines } from './lines.js'

const region = (name: string, more: Partial<ErasureInfo['regions'][number]> = {}): ErasureInfo['regions'][number] => ({
  ...{ region: name, replica: 1, state: 'deleted', deleted_at: '2026-01-02T03:04:05.678Z' },
  ...{ log: 'clear', blocks: 'clear', conflicts: 'clear', graph: 'clear', index_files: 'clear' },
  ...{ snapshots: [], unread_snapshots: 0, waiting_for: [], unknown: null, ...more },
})
const erasure = (more: Partial<ErasureInfo>): ErasureInfo => ({
  ...{ collection: 'c', id: 7, state: 'deleted', deleted_at: '2026-01-02T03:04:05.678Z', erased: false },
  ...{ regions: [], retired: [], ...more },
})

test('[CX8] a table of what each region holds, what it waits for, and the verdict', () => {
  const text = erasureLines(
    erasure({
      regions: [
        region('eu', { blocks: 'holds', waiting_for: ['region us'] }),
        region('us', {
          snapshots: [{ name: 'a\u001b[31m.snapshot', creation_time: '2026-01-01T00:00:00' }],
          graph: 'unknown',
        }),
        region('ap', { state: 'unknown', unread_snapshots: null, unknown: 'there is no link with it' }),
      ],
      retired: ['sa'],
    }),
  )
  expect(text.split('\n')).toEqual([
    ' REGION  POINT    LOG    BLOCKS  CONFLICTS  GRAPH    INDEX FILES  SNAPSHOTS',
    ' eu      deleted  clear  holds   clear      clear    clear        clear',
    ' us      deleted  clear  clear   clear      unknown  clear        holds',
    ' ap      unknown  clear  clear   clear      clear    clear        unknown',
    'eu waits for region us',
    'us: snapshot a?[31m.snapshot of 2026-01-01T00:00:00',
    'ap was not asked: there is no link with it',
    'retired, and not asked: sa; destroy their disks',
    'point 7 (deleted 2026-01-02T03:04:05.678Z) is not erased everywhere yet',
    '',
  ])
})

test('[CX8] the verdict says what is known: live, erased, or nothing left', () => {
  const last = (more: Partial<ErasureInfo>) => erasureLines(erasure(more)).split('\n').at(-2)
  expect(last({ state: 'live', deleted_at: null })).toBe('point 7 is live: it was not deleted')
  expect(last({ erased: true })).toBe(
    'point 7 (deleted 2026-01-02T03:04:05.678Z) is erased; its delete is still remembered',
  )
  expect(last({ erased: true, state: 'absent', deleted_at: null })).toBe('nothing is left of point 7')
})
