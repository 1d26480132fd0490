import { parentPort, workerData } from 'node:worker_threads'
import { assert } from '@meridian/core'
import { ENGINE } from './graph.js'
import { IndexHost, logTo } from './index-host.js'
import { announce } from './native-graph.js'
import type { IndexReply, IndexRequest, WorkerData } from './worker-protocol.js'

assert(parentPort, 'this file is the entry point of a worker thread')
const port = parentPort
const { directory, announces } = workerData as WorkerData

/** Answers of one turn travel together: a message costs more than what is in it. */
let replies: IndexReply[] = []
const post = (reply: IndexReply): void => {
  if (replies.push(reply) > 1) return
  queueMicrotask(() => {
    const turn = replies
    replies = []
    port.postMessage(turn)
  })
}

/** How often it looks whether something is due that waited for quiet. */
const LOOK_MS = 5000

let isScheduled = false
let later: NodeJS.Timeout | undefined
/** Work comes after the messages that are there: one slice, then they have their turn again. */
const schedule = (): void => {
  if (isScheduled) return
  isScheduled = true
  clearTimeout(later)
  setImmediate(() => {
    isScheduled = false
    const waitMs = host.work()
    if (waitMs === 0) schedule()
    else if (waitMs !== undefined) later = setTimeout(schedule, waitMs)
  })
}

const host = new IndexHost(directory, post, () => performance.now())
if (announces) announce(ENGINE, logTo(post))

port.on('message', (requests: IndexRequest[]) => {
  host.serve(requests)
  schedule()
})
setInterval(schedule, LOOK_MS).unref()
