import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PointId } from '@meridian/core'
import { expect, test } from 'vitest'
import { openKit } from '../testing/region-kit.js'
import { takeCut } from './cut.js'
import { type SnapshotEnd, SnapshotDecoder, readEntry } from './format.js'

const COUNT = 400

test('[SN11] a snapshot taken under writes is the merged state of the one tick that its vector names', async () => {
  const data = mkdtempSync(join(tmpdir(), 'meridian-cut-'))
  const kit = await openKit({ flags: { data } })
  const point = (id: number, n: number) => ({ id, vector: [id, 1], payload: { n, filler: 'x'.repeat(4000) } })
  await kit.ok('PUT', '/collections/c', { vectors: { size: 2, distance: 'Dot' } })
  await kit.ok('PUT', '/collections/c/points', { points: Array.from({ length: COUNT }, (_, id) => point(id, 0)) })
  const writes: { seq: number; n: number }[] = []
  const decoder = new SnapshotDecoder()
  const found = new Map<PointId, number>()
  let end: SnapshotEnd | undefined
  let n = 0
  let sections = 0
  const { replica } = kit.server
  for await (const piece of takeCut(replica, ['c'], 1, new AbortController().signal)) {
    for (const section of decoder.push(piece))
      if (section.kind === 'end') end = section.end
      else if (section.kind !== 'header') {
        sections++
        for (const bytes of section.entries) {
          const entry = readEntry(section.kind, bytes)
          if (entry.kind === 'put') found.set(entry.id, entry.payload.n as number)
          else found.delete(entry.id)
        }
      }
    // One transaction changes both ends of the scan, deletes one record and makes another.
    n++
    const { operation_id: seq } = await kit.ok('PUT', '/collections/c/points', {
      points: [0, 1, COUNT - 2, COUNT - 1].map((id) => point(id, n)),
    })
    writes.push({ seq, n })
    await kit.ok('POST', '/collections/c/points/delete', { points: [100 + n] })
    await kit.ok('PUT', '/collections/c/points', { points: [point(1000 + n, n)] })
  }
  decoder.end()
  const covered = end!.vector.get(replica.identity.replica)
  const latest = writes.filter(({ seq }) => seq <= covered).at(-1)!.n
  expect(sections).toBeGreaterThan(4)
  expect(latest).toBeGreaterThan(4)
  for (const id of [0, 1, COUNT - 2, COUNT - 1]) expect(found.get(id)).toBe(latest)
  expect(found.size).toBe(end!.collections[0]!.live)
  await kit.server.close()
  rmSync(data, { recursive: true })
})
