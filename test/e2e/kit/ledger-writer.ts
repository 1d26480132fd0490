import { ClientError, type MeridianClient, type PointId, type PointRecord } from '@meridian/client'

const RETRIEVED_AT_ONCE = 2000
/** What an id and a stamp take in any encoding; only an estimate of the least that must travel. */
const KEY_BYTES = 8

export interface LedgerOptions {
  readonly collection: string
  /** Ids from here on are this writer's alone. */
  readonly firstId: number
  readonly dims: number
  /** Points a batch. Default 100. */
  readonly batch?: number
}

type Acknowledged = { readonly kind: 'live'; readonly edit: number } | { readonly kind: 'deleted' }

/**
 * Writes to one region, batch after batch: new points, payload edits of some, deletes of others; and keeps book of what was
 * acknowledged. A request without an answer leaves its ids out of the book: either state of them is right.
 */
export class LedgerWriter {
  readonly #book = new Map<number, Acknowledged>()
  #nextId: number
  #running: Promise<void> | undefined
  #isStopping = false
  /** Vectors and payloads of everything acknowledged, bare: what no encoding can do without. */
  rawBytes = 0
  acknowledged = 0
  /** Calls that failed, with their reasons. */
  readonly failures: ClientError[] = []

  constructor(
    readonly client: Pick<MeridianClient, 'upsert' | 'setPayload' | 'delete'>,
    readonly options: LedgerOptions,
  ) {
    this.#nextId = options.firstId
  }

  /** Ids that this writer may have touched. */
  get size(): number {
    return this.#nextId - this.options.firstId
  }

  /** One batch of each kind. @throws ClientError as the first call that failed; what came before stays in the book. */
  async step(): Promise<void> {
    const { batch = 100, dims, collection } = this.options
    const ids = Array.from({ length: batch }, (_, i) => this.#nextId + i)
    this.#nextId += batch
    const points = ids.map((id) => ({ id, vector: vectorOf(id, dims), payload: { id, edit: 0 } }))
    await this.#call(
      ids,
      () => this.client.upsert(collection, points),
      () => ({ kind: 'live', edit: 0 }),
      points.reduce((sum, { payload }) => sum + 4 * dims + JSON.stringify(payload).length + KEY_BYTES, 0),
    )
    const edited = ids.filter((id) => id % 5 === 0)
    const edit = ids[0]!
    await this.#call(
      edited,
      () => this.client.setPayload(collection, { edit }, { points: edited }),
      () => ({ kind: 'live', edit }),
      edited.length * (JSON.stringify({ edit }).length + KEY_BYTES),
    )
    const deleted = ids.filter((id) => id % 10 === 1)
    await this.#call(
      deleted,
      () => this.client.delete(collection, { points: deleted }),
      () => ({ kind: 'deleted' }),
      deleted.length * KEY_BYTES,
    )
  }

  async #call(ids: number[], run: () => Promise<unknown>, state: () => Acknowledged, bytes: number): Promise<void> {
    const before = ids.map((id) => [id, this.#book.get(id)] as const)
    for (const id of ids) this.#book.delete(id)
    try {
      await run()
    } catch (error) {
      if (!(error instanceof ClientError)) throw error
      this.failures.push(error)
      // A refusal with a sentence is an answer: nothing was done.
      if (error.status >= 400) for (const [id, known] of before) if (known !== undefined) this.#book.set(id, known)
      throw error
    }
    for (const id of ids) this.#book.set(id, state())
    this.rawBytes += bytes
    this.acknowledged += ids.length
  }

  /** Steps until `stop`, or until a call fails. */
  start(): void {
    if (this.#running !== undefined) throw new Error('it writes already')
    this.#isStopping = false
    this.#running = this.#run()
  }

  async #run(): Promise<void> {
    try {
      while (!this.#isStopping) await this.step()
    } catch (error) {
      if (!(error instanceof ClientError)) throw error
    }
  }

  /** After the batch under way. @throws what the writing threw. */
  async stop(): Promise<void> {
    this.#isStopping = true
    await this.#running
    this.#running = undefined
  }

  /** How a region differs from what was acknowledged; empty when it does not. */
  async differences(reader: Pick<MeridianClient, 'retrieve'>): Promise<string[]> {
    const ids = [...this.#book.keys()]
    const found = new Map<PointId, PointRecord>()
    for (let from = 0; from < ids.length; from += RETRIEVED_AT_ONCE)
      for (const record of await reader.retrieve(this.options.collection, ids.slice(from, from + RETRIEVED_AT_ONCE), {
        with_payload: true,
        with_vector: true,
      }))
        found.set(record.id, record)
    return ids.flatMap((id) => {
      const fault = this.#fault(id, found.get(id))
      return fault === undefined ? [] : [`${id}: ${fault}`]
    })
  }

  #fault(id: number, record: PointRecord | undefined): string | undefined {
    const known = this.#book.get(id)!
    if (known.kind === 'deleted') return record === undefined ? undefined : 'deleted, and there'
    if (record === undefined) return 'acknowledged, and not there'
    if (record.payload?.edit !== known.edit) return `edit ${known.edit} acknowledged, ${record.payload?.edit} there`
    const vector = record.vector as number[]
    const isSame = vectorOf(id, this.options.dims).every((value, i) => value === Math.fround(vector[i]!))
    return isSame ? undefined : 'another vector'
  }
}

/** Always the same for an id; no two ids alike. */
export const vectorOf = (id: number, dims: number): Float32Array => {
  let state = (id * 2654435761) >>> 0
  return Float32Array.from({ length: dims }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32 - 0.5
  })
}
