import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** What came back on a socket on which a request was written by hand: all of it, once the server has ended it. */
export const exchange = async (port: number, ...chunks: readonly (string | Uint8Array)[]): Promise<string> => {
  const socket = await dial(port)
  let text = ''
  socket.on('data', (bytes) => {
    text += bytes.toString('latin1')
  })
  const closed = heard(socket, 'close')
  for (const chunk of chunks) socket.write(chunk)
  await closed
  return text
}

/** A reset is an end like any other here. */
export const dial = async (port: number): Promise<Socket> => {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return socket
}

/** The event, whatever errors come before it. */
export const heard = (socket: Socket, event: 'data' | 'close'): Promise<unknown> =>
  new Promise((resolve) => socket.once(event, resolve))

/** Statuses of all answers in what came back. */
export const statuses = (text: string): number[] =>
  [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status))
