import type { Socket } from 'node:net'
import type { Timers } from '@meridian/core'
import type { WebSocket } from 'ws'

export interface HeartbeatOptions {
  /** Time between pings. */
  readonly intervalMs: number
  /** Silence after which the other end counts as gone; noticed at the next ping. */
  readonly timeoutMs: number
}

/** A half-open link is noticed within 15 seconds. */
export const LINK_HEARTBEAT: HeartbeatOptions = { intervalMs: 5_000, timeoutMs: 10_000 }

/**
 * Pings `ws` and calls `onDead` once when nothing has moved for the timeout. Moving means: a byte arrived (a pong behind a
 * long frame is late, the frame is not silence), or bytes that had been stuck in our buffer left it (the kernel takes more only
 * when the other end has taken some). Merely handing bytes to an idle kernel proves nothing.
 * Dispose of it with the socket.
 */
export const heartbeat = (
  ws: WebSocket,
  socket: Socket,
  timers: Timers,
  { intervalMs, timeoutMs }: HeartbeatOptions,
  on: { dead(): void; beat?(): void },
): Disposable => {
  let heardMs = timers.elapsedMs()
  let read = socket.bytesRead
  let sent = 0
  let stuck = false
  const beat = (): void => {
    const nowMs = timers.elapsedMs()
    const sentNow = socket.bytesWritten - socket.writableLength
    if (socket.bytesRead > read || (stuck && sentNow > sent)) heardMs = nowMs
    read = socket.bytesRead
    sent = sentNow
    stuck = socket.writableLength > 0
    if (nowMs - heardMs >= timeoutMs) {
      on.dead()
      return
    }
    ws.ping()
    on.beat?.()
    timer = timers.after(intervalMs, beat)
  }
  let timer = timers.after(intervalMs, beat)
  return { [Symbol.dispose]: () => timer[Symbol.dispose]() }
}
