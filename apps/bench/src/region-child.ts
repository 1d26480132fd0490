import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { NODE_FLAGS } from '@meridian/server'
import { built } from './built.js'
import type { ChildReply, ChildRequest, Told } from './child-message.js'

const MAIN = built('region-main')

/** Settings of the shell must not reach the regions. */
const ENV = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('MERIDIAN_')))

/** A region's process, asked one thing at a time. */
export class RegionChild implements AsyncDisposable {
  private constructor(
    readonly region: string,
    readonly port: number,
    readonly replica: number,
    readonly process: ChildProcess,
  ) {}

  /** @param flags  of `meridian serve`; `index` is `graph` or `none` */
  static async open(region: string, index: string, flags: Readonly<Record<string, string>>): Promise<RegionChild> {
    const args = [index, ...Object.entries({ region, ...flags }).map(([name, value]) => `${name}=${value}`)]
    const child = fork(MAIN, args, {
      env: ENV,
      execArgv: [...NODE_FLAGS],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    const reply = await answer(child)
    if (reply.type !== 'ready') throw new Error(`region ${region} did not start: ${JSON.stringify(reply)}`)
    return new RegionChild(region, reply.port, reply.replica, child)
  }

  /** Resolves when it is done, with the sequence of the newest transaction where one was written. */
  async ask(request: ChildRequest): Promise<number> {
    this.process.send(request)
    const reply = await answer(this.process)
    if (reply.type !== 'done') throw new Error(`region ${this.region}: ${JSON.stringify(reply)}`)
    return reply.seq
  }

  /** As `ask`, of what is answered with times. */
  async askTimes(request: ChildRequest): Promise<readonly (readonly number[])[]> {
    this.process.send(request)
    const reply = await answer(this.process)
    if (reply.type !== 'times') throw new Error(`region ${this.region}: ${JSON.stringify(reply)}`)
    return reply.times
  }

  /** What the region holds, and what it noted: the noting ends. */
  tell(collection: string): Promise<Told> {
    return this.#tell(collection, false)
  }

  /** As `tell`; the noting goes on. */
  peek(collection: string): Promise<Told> {
    return this.#tell(collection, true)
  }

  async #tell(collection: string, peek: boolean): Promise<Told> {
    this.process.send({ type: 'tell', collection, peek } satisfies ChildRequest)
    const reply = await answer(this.process)
    if (reply.type !== 'told') throw new Error(`region ${this.region}: ${JSON.stringify(reply)}`)
    return reply.told
  }

  /** Gracefully. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.process.exitCode !== null) return
    const ended = once(this.process, 'close')
    this.process.send({ type: 'stop' } satisfies ChildRequest)
    await ended
  }
}

/** The next message; throws when the process ends instead. */
const answer = (child: ChildProcess): Promise<ChildReply> =>
  new Promise((resolve, reject) => {
    const ended = (code: number | null): void => reject(new Error(`the process ended with ${code}`))
    child.once('exit', ended)
    child.once('message', (message) => {
      child.off('exit', ended)
      resolve(message as ChildReply)
    })
  })
