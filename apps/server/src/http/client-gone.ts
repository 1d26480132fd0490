import type { Socket } from 'node:net'

const controllers = new WeakMap<Socket, AbortController>()

/**
 * Aborts when the connection of a request has ended: nobody waits for the answer any more. One signal for all requests of the
 * connection, since making one for each costs more than most of them need it; who listens to it must stop when it is done.
 */
export const goneSignal = (socket: Socket): AbortSignal => {
  const known = controllers.get(socket)
  if (known !== undefined) return known.signal
  const controller = new AbortController()
  controllers.set(socket, controller)
  if (socket.destroyed) controller.abort()
  else socket.once('close', () => controller.abort())
  return controller.signal
}
