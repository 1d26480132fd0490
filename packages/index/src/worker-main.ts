import { parentPort, workerData } from 'node:worker_threads'
import { assert } from '@meridian/core'
import { IndexHost } from './index-host.js'
import type { IndexRequest, WorkerData } from './worker-protocol.js'

/** How long a search may find the worker building a graph. */
const SLICE_MS = 10

assert(parentPort, 'this file is the entry point of a worker thread')
const port = parentPort
const { directory } = workerData as WorkerData
const host = new IndexHost(
  directory,
  (reply) => port.postMessage(reply),
  () => performance.now(),
)

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
