// Writes 64 MiB, reads them, and gives the pages back when told to; prints its resident file pages in bytes before and after, and
// whether the values were sound then. "unpatched" where the addon cannot.
import { readFileSync } from 'node:fs'
import { LmdbStorage } from '../dist/index.js'

const VALUES = 256
const VALUE_BYTES = 256 * 1024
let waiting = []
const timers = {
  elapsedMs: () => 0,
  after: (_, run) => {
    waiting.push(run)
    return { [Symbol.dispose]() {} }
  },
}
const filePages = () => Number(/^RssFile:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024
const storage = await LmdbStorage.open({ directory: process.argv[2], timers })
const bytesOf = (n) => new Uint8Array(VALUE_BYTES).fill(n)
for (let n = 0; n < VALUES; n++)
  await new Promise((resolve, reject) =>
    storage.commit([{ type: 'put', key: `k${n}`, value: bytesOf(n) }], (error) => (error ? reject(error) : resolve())),
  )
// A reader that is in the middle of a listing keeps its place.
const listing = storage.scan('k')[Symbol.iterator]()
listing.next()
const areSound = () => {
  for (let n = 0; n < VALUES; n++) if (Buffer.compare(storage.get(`k${n}`), bytesOf(n)) !== 0) return false
  return true
}
areSound()
const before = filePages()
while (waiting.length > 0) {
  const runs = waiting
  waiting = []
  for (const run of runs) run()
}
const after = filePages()
let listed = 1
for (let next = listing.next(); !next.done; next = listing.next()) listed++
console.log(storage.givesPagesBack ? `${before} ${after} ${areSound() && listed === VALUES}` : 'unpatched')
await storage.close()
