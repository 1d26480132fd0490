import { createServer } from 'node:net'

/** Below the range that the kernel draws outgoing ports from: a region that restarts finds its port free. */
const FIRST = 12_000
const LAST = 31_000

let next = FIRST + ((process.pid * 97) % (LAST - FIRST))

/** A port that nobody listens on now, and that this process gives out once. */
export const freePort = async (): Promise<number> => {
  for (;;) {
    next = next >= LAST ? FIRST : next + 1
    // Others may ask meanwhile: what they move on to is theirs.
    const port = next
    if (await isFree(port)) return port
  }
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
