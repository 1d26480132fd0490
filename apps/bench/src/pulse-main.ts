import { parentPort, workerData } from 'node:worker_threads'
import { HttpLines } from './http-lines.js'
import { machineMs } from './machine-ms.js'
import { Pulse } from './pulse.js'
import type { PulseData, PulseResult } from './pulse-thread.js'

/* A pulse as a thread: what it counts as waiting is the server's doing and the system's, not that of whoever loads the server. */

const { port, everyMs, requests } = workerData as PulseData
const lines = new HttpLines(port)
const toMachineMs = machineMs() - performance.now()
const pulse = new Pulse(
  everyMs,
  async (i) => {
    const { status } = await lines.ask(Buffer.from(requests[i % requests.length]!))
    if (status !== 200) throw new Error(`a request at a steady pace: ${status}`)
  },
  () => lines[Symbol.dispose](),
)
parentPort!.once('message', async () => {
  let result: PulseResult
  try {
    await pulse.stop()
    result = { beats: pulse.beats.map(({ atMs, tookMs }) => ({ atMs: atMs + toMachineMs, tookMs })) }
  } catch (error) {
    result = { failure: String(error) }
  }
  parentPort!.postMessage(result)
})
parentPort!.postMessage('begun')
