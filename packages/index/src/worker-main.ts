import { availableParallelism } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import { assert } from '@meridian/core'
import { ENGINE } from './graph.js'
import { IndexHost, logTo } from './index-host.js'
import { announce } from './native-graph.js'
import { ReplyBatch } from './reply-batch.js'
import type { IndexReply, IndexRequest, WorkerData } from './worker-protocol.js'

assert(parentPort, 'this file is the entry point of a worker thread')
const port = parentPort
const { directory, announces } = workerData as WorkerData

const replies = new ReplyBatch((turn) => {
  port.postMessage(turn)
  if (turn.some(({ type }) => type === 'closed')) end()
})
const post = (reply: IndexReply): void => replies.add(reply)

/** How often it looks whether something is due that waited for quiet. */
const LOOK_MS = 5000

/** Messages that come one after the other are taken in one go, as long as work had its turn within this time. */
const PATIENCE_MS = 3

let isScheduled = false
let workedAtMs = performance.now()
let later: NodeJS.Timeout | undefined
/** Work comes after the messages that are there: one slice, then they have their turn again. */
const schedule = (): void => {
  if (isScheduled) return
  isScheduled = true
  clearTimeout(later)
  setImmediate(() => {
    isScheduled = false
    work()
  })
}

const work = (): void => {
  const waitMs = host.work()
  workedAtMs = performance.now()
  if (waitMs === 0) schedule()
  else if (waitMs !== undefined) later = setTimeout(schedule, waitMs)
}

/** One is the main thread's: with no other but this thread's, every message that is taken in waits for building or makes it wait. */
const isShared = availableParallelism() <= 2
const host = new IndexHost(directory, post, () => performance.now(), isShared)
if (announces) announce(ENGINE, logTo(post))

/** Without anything to wait for, the thread ends. */
const end = (): void => {
  clearInterval(look)
  clearTimeout(later)
  port.close()
}

port.on('message', (requests: IndexRequest[]) => {
  const bringsWork = host.serve(requests)
  if (isScheduled && performance.now() - workedAtMs > PATIENCE_MS) {
    // Who asked need not wait for the slice.
    replies.send()
    work()
  }
  if (bringsWork) schedule()
})
const look = setInterval(schedule, LOOK_MS)
