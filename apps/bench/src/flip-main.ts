import { cpSync, mkdtempSync, openSync, closeSync, readdirSync, readSync, rmSync, statSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HNSW_DEFAULT, SILENT_LOG, type VectorParams } from '@meridian/core'
import { Snapshots, Space } from '@meridian/index'
import { records } from './records.js'

/*
 * Writes a snapshot, changes one byte of a copy of it again and again, and says how often that was noticed before the graph was
 * used. Every refused one is built anew from its vectors (a part of them, one in `REBUILT`) and must then find what it should.
 */

export interface FlipResult {
  readonly flips: number
  /** Refused, and the files deleted. */
  readonly refused: number
  readonly rebuilt: number
  /** Bytes of the snapshot. */
  readonly bytes: number
}

const REF = { collection: 'bench', vector: '' }
const DIMS = 64
const ROWS = 1500
const REBUILT = 100
const PARAMS: VectorParams = { size: DIMS, metric: 'Euclid', hnsw: HNSW_DEFAULT }

const vectors = records(0, ROWS, DIMS).map(({ vectors }) => vectors.get('') as Float32Array)
const filled = (): Space => {
  const space = new Space(PARAMS)
  for (const [ordinal, vector] of vectors.entries()) space.set(ordinal, String(ordinal), '1', vector)
  while (space.hasWork) space.step(() => true)
  return space
}

const [count, seed] = process.argv.slice(2).map(Number)
let state = seed! | 0
/** From 0 to `below`, exclusive. */
const random = (below: number): number => {
  state = (Math.imul(state, 1664525) + 1013904223) | 0
  return Math.floor(((state >>> 0) / 2 ** 32) * below)
}

const root = mkdtempSync(join(tmpdir(), 'meridian-bench-'))
try {
  const sound = join(root, 'sound')
  await new Snapshots(sound, SILENT_LOG).save(REF, filled(), () => true)
  const files = readdirSync(sound)
  const damaged = join(root, 'damaged')
  const snapshots = new Snapshots(damaged, SILENT_LOG)
  let refused = 0
  let rebuilt = 0
  for (let flip = 0; flip < count!; flip++) {
    cpSync(sound, damaged, { recursive: true })
    // Every file as often: the head is small, and says most.
    const path = join(damaged, files[flip % files.length]!)
    const fd = openSync(path, 'r+')
    const at = random(statSync(path).size)
    const byte = new Uint8Array(1)
    readSync(fd, byte, 0, 1, at)
    byte[0] = byte[0]! ^ (1 + random(255))
    writeSync(fd, byte, 0, 1, at)
    closeSync(fd)
    const loaded = snapshots.load(REF, PARAMS)
    if (loaded !== undefined) continue
    if (readdirSync(damaged).length === 0) refused++
    if (
      flip % REBUILT === 0 &&
      filled().search({ vector: vectors[flip % ROWS]!, limit: 1 })[0]?.ordinal === flip % ROWS
    )
      rebuilt++
  }
  const bytes = files.reduce((sum, file) => sum + statSync(join(sound, file)).size, 0)
  process.send!({ flips: count!, refused, rebuilt, bytes } satisfies FlipResult)
} finally {
  rmSync(root, { recursive: true, force: true })
  process.disconnect()
}
