import type { PointId } from '@meridian/client'
import { expect, test } from 'vitest'
import { RecordWatch, until, type Watched } from './index.js'

/** Sees `seen[n]` at its n-th call, and the last of them from then on. */
const scripted = (...seen: readonly (readonly PointId[])[]): Watched => {
  let calls = 0
  const next = async (): Promise<{ id: PointId }[]> => seen[Math.min(calls++, seen.length - 1)]!.map((id) => ({ id }))
  return { retrieve: next, query: next } as unknown as Watched
}

const watch = async (client: Watched): Promise<readonly string[]> => {
  const watching = RecordWatch.start('eu', client, { collection: 'c', kept: [1], doomed: [2], query: [0] })
  await until('a few looks', () => watching.looks > 2)
  return watching.stop()
}

test('[E20] sabotage: a watch notices a record that blinks out, and one that comes back', async () => {
  expect(await watch(scripted([1, 2], [1, 2], [1], [1]))).toEqual([])
  expect(await watch(scripted([1, 2], [2], [1, 2]))).toEqual(['eu: search: record 1 blinked out'])
  expect(await watch(scripted([1, 2], [1], [1, 2], [1]))).toEqual(['eu: retrieve: deleted record 2 came back'])
})
