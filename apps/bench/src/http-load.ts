import { Agent, request } from 'node:http'

export interface Request {
  readonly method: string
  readonly path: string
  readonly body: string
}

export interface LoadFigures {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Of one answer's body. */
  readonly answerBytes: number
}

/** Of requests before the clock runs: code that was not compiled yet is no part of what a region that serves for hours does. */
const WARM_UP_MS = 2000

/**
 * Requests one after the other on each of `connections` for about `seconds`, each connection kept open.
 * @throws Error for an answer that is not 200: a benchmark of refusals says nothing.
 */
export const load = async (
  port: number,
  connections: number,
  seconds: number,
  next: (i: number) => Request,
  headers: Readonly<Record<string, string>> = {},
): Promise<LoadFigures> => {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const times: number[] = []
  let count = 0
  let answerBytes = 0
  const one = async (): Promise<void> => {
    answerBytes = await send(port, agent, next(count++), headers)
  }
  try {
    for (const until = performance.now() + WARM_UP_MS; performance.now() < until; ) await one()
    const start = performance.now()
    const until = start + seconds * 1000
    const run = async (): Promise<void> => {
      for (let now = performance.now(); now < until; ) {
        await one()
        const after = performance.now()
        times.push(after - now)
        now = after
      }
    }
    await Promise.all(Array.from({ length: connections }, run))
    const took = (performance.now() - start) / 1000
    return { perSecond: times.length / took, ...percentiles(times), answerBytes }
  } finally {
    agent.destroy()
  }
}

/** Nearest rank. */
export const percentiles = (times: number[]): { p50Ms: number; p99Ms: number } => {
  const sorted = Float64Array.from(times).sort()
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0
  return { p50Ms: at(0.5), p99Ms: at(0.99) }
}

/** Resolves with the bytes of the answer's body. @throws Error for an answer that is not 200 */
export const send = (
  port: number,
  agent: Agent,
  { method, path, body }: Request,
  headers: Readonly<Record<string, string>> = {},
): Promise<number> =>
  new Promise((resolve, reject) => {
    const length = { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }
    const call = request({ host: '127.0.0.1', port, agent, method, path, headers: { ...length, ...headers } })
    call.on('error', reject)
    call.on('response', (response) => {
      let bytes = 0
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
      })
      response.on('error', reject)
      response.on('end', () => {
        if (response.statusCode === 200) resolve(bytes)
        else reject(new Error(`${method} ${path}: ${response.statusCode}`))
      })
    })
    call.end(body)
  })
