// Commits batches to the directory given until it is killed, and prints the number of each batch once it is acknowledged.
// Batch n puts KEYS values of n, puts n under `head`, and deletes the whole of batch n - KEPT. One that is refused for lack of
// space prints `full` and is tried again.
import { writeSync } from 'node:fs'
import { LmdbStorage } from '../dist/index.js'

const KEYS = 20
const KEPT = 10
const IN_FLIGHT = 4

const [directory, firstText] = process.argv.slice(2)
const storage = await LmdbStorage.open({ directory })

let next = Number(firstText)
const commitNext = () => commit(next++)
const commit = (n) => {
  const ops = Array.from({ length: KEYS }, (_, i) => ({
    type: 'put',
    key: `batch/${n}/${i}`,
    value: new Uint8Array(1 + ((n * 31 + i * 997) % 9000)).fill(n & 0xff),
  }))
  ops.push({ type: 'put', key: 'head', value: Buffer.from(String(n)) })
  ops.push({ type: 'deletePrefix', prefix: `batch/${n - KEPT}/` })
  storage.commit(ops, (error) => {
    writeSync(1, error === undefined ? `${n}\n` : error.code === 'STORAGE_FULL' ? 'full\n' : `error ${error.code}\n`)
    if (error === undefined) commitNext()
    else if (error.code === 'STORAGE_FULL') commit(n)
    else finish()
  })
}
for (let i = 0; i < IN_FLIGHT; i++) commitNext()

// Only reached when the medium refuses: a last, small commit must be refused too, and reads must go on.
let finishing = false
const finish = () => {
  if (finishing) return
  finishing = true
  storage.commit([{ type: 'put', key: 'small', value: new Uint8Array(1) }], (error) => {
    writeSync(1, `later ${error?.code}\nhead ${Buffer.from(storage.get('head')).toString()}\n`)
    storage.close().then(() => process.exit(0))
  })
}
