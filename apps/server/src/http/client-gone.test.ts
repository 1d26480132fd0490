import { once } from 'node:events'
import { Socket } from 'node:net'
import { expect, test } from 'vitest'
import { goneSignal } from './client-gone.js'

test('[HT27] requests of one connection have one signal, which aborts when the connection ends', async () => {
  const [socket, other] = [new Socket(), new Socket()]
  const signal = goneSignal(socket)
  expect(goneSignal(socket)).toBe(signal)
  expect(goneSignal(other)).not.toBe(signal)
  const closed = once(socket, 'close')
  socket.destroy()
  await closed
  expect([signal.aborted, goneSignal(other).aborted]).toEqual([true, false])
  expect(socket.listenerCount('close')).toBe(0)
})

test('[HT27] of a connection that has ended already it is aborted', () => {
  const socket = new Socket()
  socket.destroy()
  expect(goneSignal(socket).aborted).toBe(true)
})
