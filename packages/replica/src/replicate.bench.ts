import { bench, describe } from 'vitest'
import { put, TestNode } from './test-node.js'
import { TestTime } from './test-time.js'

const RECORDS = 5_000
const TEXT = 'a payload of ordinary length'

/** Records through one region to another, in process: encoding, commits, frames, checks, folds and index, without a disk. */
const replicate = (batch: number): void => {
  const time = new TestTime()
  const [eu, us] = [new TestNode(time, 'eu', 1), new TestNode(time, 'us', 2)]
  eu.create()
  eu.link(us)
  for (let at = 0; at < RECORDS; at += batch)
    eu.write(Array.from({ length: batch }, (_, i) => put(at + i, { text: TEXT, at }, [at, i, 1, 2])))
  time.until(() => us.vector[1] === eu.vector[1], 'replication')
}

describe('[RP91] 5,000 records to a second replica', () => {
  for (const batch of [1, 100, 1000])
    bench(`batches of ${batch}`, () => replicate(batch), { iterations: 3, warmupIterations: 1, time: 0, warmupTime: 0 })
})
