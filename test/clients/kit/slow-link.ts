import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** An address in front of a region, through which every byte, both ways, travels for as long as between continents. */
export interface SlowLink extends AsyncDisposable {
  readonly url: string
}

export const openSlowLink = async (port: number, delayMs: number): Promise<SlowLink> => {
  const sockets = new Set<Socket>()
  const pass = (from: Socket, to: Socket): void => {
    sockets.add(from)
    // Timers of one delay run in the order in which they were set: bytes stay in theirs.
    from.on('data', (bytes) => void setTimeout(() => to.writable && to.write(bytes), delayMs))
    from.on('error', () => undefined)
    from.on('close', () => {
      sockets.delete(from)
      setTimeout(() => to.destroy(), delayMs)
    })
  }
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1')
    pass(near, far)
    pass(far, near)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
