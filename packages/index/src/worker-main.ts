import { parentPort, workerData } from 'node:worker_threads'
import { assert } from '@meridian/core'
import { ENGINE } from './graph.js'
import { IndexHost, logTo } from './index-host.js'
import { announce } from './native-graph.js'
import type { IndexReply, IndexRequest, WorkerData } from './worker-protocol.js'

/** How long a search may find the worker building a graph. */
const SLICE_MS = 10

assert(parentPort, 'this file is the entry point of a worker thread')
const port = parentPort
const { directory } = workerData as WorkerData
const post = (reply: IndexReply): void => port.postMessage(reply)
const host = new IndexHost(directory, post, () => performance.now())
announce(ENGINE, logTo(post))

let isScheduled = false
const schedule = (): void => {
  if (isScheduled) return
  isScheduled = true
  setImmediate(() => {
    isScheduled = false
    if (host.work(SLICE_MS)) schedule()
  })
}

port.on('message', (requests: IndexRequest[]) => {
  host.serve(requests)
  schedule()
})
