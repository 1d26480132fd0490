import { setTimeout as pause } from 'node:timers/promises'
import { ClientError, type JsonObject, type MeridianClient, type PointId } from '@meridian/client'

const BETWEEN_LOOKS_MS = 20

export interface WatchOptions {
  readonly collection: string
  /** There from the beginning of the watch to its end: a look that misses one of them is a fault. */
  readonly kept: readonly PointId[]
  /** May be deleted at any moment, by id: one that was found gone must not be seen again. */
  readonly doomed: readonly PointId[]
  /** Any vector of the right size: what is searched for is named by id, so that recall plays no part. */
  readonly query: readonly number[]
  /** The region may be away for a while: lost connections and 503 are no faults. */
  readonly mayBeAway?: boolean
}

/** The calls that a watch makes. */
export type Watched = Pick<MeridianClient, 'retrieve' | 'query'>

/**
 * Looks at one region over and over, by id and by search, from `start` to `stop`, and notes
 *  1. a kept record that one look does not find: it blinked;
 *  2. a doomed record that is found after a look that did not: it came back;
 *  3. a look that was refused.
 */
export class RecordWatch {
  readonly faults: string[] = []
  looks = 0
  readonly #gone = new Set<PointId>()
  readonly #running: Promise<void>
  #isStopping = false

  private constructor(
    readonly name: string,
    readonly client: Watched,
    readonly options: WatchOptions,
  ) {
    this.#running = this.#run()
  }

  static start(name: string, client: Watched, options: WatchOptions): RecordWatch {
    return new RecordWatch(name, client, options)
  }

  /** Doomed records that were found gone. */
  get goneCount(): number {
    return this.#gone.size
  }

  /** After a last look that began after the call. @returns what went wrong: empty when nothing did */
  async stop(): Promise<readonly string[]> {
    this.#isStopping = true
    await this.#running
    return this.faults
  }

  async #run(): Promise<void> {
    for (let isLast = false; !isLast; ) {
      isLast = this.#isStopping
      await this.#look()
      if (!isLast) await pause(BETWEEN_LOOKS_MS)
    }
  }

  async #look(): Promise<void> {
    const { collection, kept, doomed, query, mayBeAway } = this.options
    const ids = [...kept, ...doomed]
    try {
      const found = await this.client.retrieve(collection, ids)
      this.#compare('retrieve', new Set(found.map(({ id }) => id)))
      const filter = { must: [{ has_id: ids }] } as JsonObject
      const hits = await this.client.query(collection, { query, filter, limit: ids.length, with_payload: false })
      this.#compare('search', new Set(hits.map(({ id }) => id)))
      this.looks++
    } catch (error) {
      if (!(error instanceof ClientError)) throw error
      if (mayBeAway !== true || !error.isTransient) this.#note(`refused: ${error.message}`)
    }
  }

  #compare(how: string, found: ReadonlySet<PointId>): void {
    for (const id of this.options.kept) if (!found.has(id)) this.#note(`${how}: record ${id} blinked out`)
    for (const id of this.options.doomed) {
      if (!found.has(id)) this.#gone.add(id)
      else if (this.#gone.has(id)) this.#note(`${how}: deleted record ${id} came back`)
    }
  }

  #note(fault: string): void {
    if (this.faults.length < 20) this.faults.push(`${this.name}: ${fault}`)
  }
}
