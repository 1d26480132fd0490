import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { LinkHandler, Timers } from '@meridian/core'
import { routeUpgrades, type UpgradeRoute } from './upgrade-router.js'

/** What a test started, ended in reverse order even when it fails. */
export class Cleanup {
  readonly #tasks: (() => unknown)[] = []
  add(task: () => unknown): void {
    this.#tasks.push(task)
  }
  async run(): Promise<void> {
    for (const task of this.#tasks.splice(0).reverse()) await task()
  }
}

/** An HTTP server on a free port of the loopback. */
export const listen = async (cleanup: Cleanup, routes: readonly UpgradeRoute[], port = 0) => {
  const server = createHttpServer((_, response) => response.end('plain'))
  routeUpgrades(server, routes)
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy()
    if (server.listening) await new Promise((resolve) => server.close(resolve))
  }
  cleanup.add(close)
  const { port: bound } = server.address() as AddressInfo
  return { server, sockets, close, port: bound, http: `http://127.0.0.1:${bound}`, ws: `ws://127.0.0.1:${bound}` }
}

/** Forwards bytes until frozen; then both ends stay connected and hear nothing, as after a pulled cable. */
export const freezableProxy = async (cleanup: Cleanup, targetPort: number) => {
  const sockets: Socket[] = []
  let frozen = false
  const server = createServer((near) => {
    const far = connect(targetPort, '127.0.0.1')
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.push(from)
      from.on('data', (bytes) => frozen || to.write(bytes))
      from.on('error', () => {})
      from.on('close', () => frozen || to.destroy())
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanup.add(() => {
    for (const socket of sockets) socket.destroy()
    return new Promise((resolve) => server.close(resolve))
  })
  return {
    http: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    freeze: () => {
      frozen = true
    },
  }
}

/** Resolves as soon as `claim` is true, asked again after whatever calls `poke`. */
export class Watch {
  #waiting: (() => void)[] = []
  poke(): void {
    for (const check of [...this.#waiting]) check()
  }
  until(claim: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (!claim()) return
        this.#waiting = this.#waiting.filter((c) => c !== check)
        resolve()
      }
      this.#waiting.push(check)
      check()
    })
  }
}

export class Recorder implements LinkHandler {
  readonly frames: Uint8Array[] = []
  readonly reasons: string[] = []
  readonly #watch = new Watch()
  frame(bytes: Uint8Array): void {
    this.frames.push(bytes)
    this.#watch.poke()
  }
  closed(reason: string): void {
    this.reasons.push(reason)
    this.#watch.poke()
  }
  framesReach(count: number): Promise<void> {
    return this.#watch.until(() => this.frames.length >= count)
  }
  async closedReason(): Promise<string> {
    await this.#watch.until(() => this.reasons.length > 0)
    return this.reasons[0]!
  }
}

/** Time that stands still until a test moves it. */
export class SteppedTimers implements Timers {
  #nowMs = 0
  #pending: { readonly atMs: number; readonly run: () => void }[] = []
  elapsedMs(): number {
    return this.#nowMs
  }
  after(delayMs: number, run: () => void): Disposable {
    const timer = { atMs: this.#nowMs + delayMs, run }
    this.#pending.push(timer)
    return {
      [Symbol.dispose]: () => {
        this.#pending = this.#pending.filter((t) => t !== timer)
      },
    }
  }
  get pending(): number {
    return this.#pending.length
  }
  advance(byMs: number): void {
    const endMs = this.#nowMs + byMs
    for (;;) {
      const due = this.#pending.filter((t) => t.atMs <= endMs).sort((a, b) => a.atMs - b.atMs)[0]
      if (due === undefined) break
      this.#pending = this.#pending.filter((t) => t !== due)
      this.#nowMs = Math.max(this.#nowMs, due.atMs)
      due.run()
    }
    this.#nowMs = endMs
  }
}
