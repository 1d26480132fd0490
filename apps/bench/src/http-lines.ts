import { HttpLine, type LineAnswer } from './http-line.js'

/** As many kept connections as there are requests under way at once. */
export class HttpLines implements Disposable {
  readonly #all = new Set<HttpLine>()
  readonly #free: HttpLine[] = []

  constructor(readonly port: number) {}

  /** @param request  as `requestBytes` makes it. Rejects as `HttpLine.ask` does. */
  async ask(request: Buffer): Promise<LineAnswer> {
    const line = this.#take() ?? (await this.#open())
    const answer = await line.ask(request)
    this.#free.push(line)
    return answer
  }

  [Symbol.dispose](): void {
    for (const line of this.#all) line[Symbol.dispose]()
  }

  /** One that the other side has not closed meanwhile. */
  #take(): HttpLine | undefined {
    for (let line = this.#free.pop(); line !== undefined; line = this.#free.pop()) {
      if (line.isOpen) return line
      this.#all.delete(line)
    }
    return undefined
  }

  async #open(): Promise<HttpLine> {
    const line = await HttpLine.open(this.port)
    this.#all.add(line)
    return line
  }
}
