import { type ChildProcess, spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../apps/cli/dist/main.js', import.meta.url))

/** Settings of the shell that runs the tests must not reach the regions. */
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('MERIDIAN_')))

export interface Finished {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A command line under way. */
export class CliProcess {
  readonly child: ChildProcess
  readonly finished: Promise<Finished>
  #stdout = ''
  #stderr = ''
  readonly #waiting = new Set<() => void>()

  constructor(args: readonly string[], cwd: string) {
    this.child = spawn(process.execPath, [MAIN, ...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
    this.child.stdout!.on('data', (data) => {
      this.#stdout += data
      for (const look of this.#waiting) look()
    })
    this.child.stderr!.on('data', (data) => (this.#stderr += data))
    this.finished = new Promise((resolve) => {
      this.child.once('close', (code) => {
        resolve({ code, stdout: this.#stdout, stderr: this.#stderr })
        for (const look of this.#waiting) look()
      })
    })
  }

  get stdout(): string {
    return this.#stdout
  }

  /** The match, as soon as stdout has one; rejects when the process ends without. */
  async until(pattern: RegExp): Promise<RegExpExecArray> {
    let look = (): void => {}
    const found = new Promise<RegExpExecArray>((resolve) => {
      look = () => {
        const match = pattern.exec(this.#stdout)
        if (match !== null) resolve(match)
      }
      this.#waiting.add(look)
      look()
    })
    const ended = this.finished.then((result) => {
      throw new Error(`ended with ${result.code} before ${pattern}:\n${result.stdout}${result.stderr}`)
    })
    try {
      return await Promise.race([found, ended])
    } finally {
      this.#waiting.delete(look)
      ended.catch(() => undefined)
    }
  }
}

export const runCli = (args: readonly string[], cwd: string): Promise<Finished> => new CliProcess(args, cwd).finished

/** First of `count` neighbouring ports that are all free now. */
export const freePorts = async (count: number): Promise<number> => {
  for (;;) {
    const first = await listenOn(0)
    const rest = await Promise.all(Array.from({ length: count - 1 }, (_, i) => isFree(first + 1 + i)))
    if (rest.every((free) => free)) return first
  }
}

export const isFree = (port: number): Promise<boolean> =>
  listenOn(port).then(
    () => true,
    () => false,
  )

/** Opens a port (0: any) and closes it again. */
const listenOn = (port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      const { port: opened } = server.address() as { port: number }
      server.close(() => resolve(opened))
    })
  })
