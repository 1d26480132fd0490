import {
  type CollectionConfig,
  HNSW_DEFAULT,
  type JsonObject,
  parseRegionId,
  parseReplicaId,
  type PointId,
  type RegionId,
  type RecordOp,
  type Storage,
  type StorageOp,
  StoreError,
} from '@meridian/core'
import { SeededRandom } from '@meridian/core/testing'
import { ExactIndex } from '@meridian/index'
import { MemoryContents, MemoryStorage } from '@meridian/storage'
import type { Done, WriteReceipt } from './api.js'
import type { FindCopies } from './forgetting/traces.js'
import { Replica } from './replica.js'
import type { Settings } from './settings.js'
import { TestLink } from './test-link.js'
import { TestClock, type TestTime, TestTimers } from './test-time.js'

export const CONFIG: CollectionConfig = {
  vectors: { '': { size: 4, metric: 'Dot', hnsw: HNSW_DEFAULT } },
  shards: 2,
}

/** What became of a call that waits for the disk. */
export interface Outcome<T> {
  value: T | undefined
  error: StoreError | undefined
}

/** Memory storage whose commits take a turn of virtual time, fail when told to, and are counted. */
class TestStorage implements Storage {
  readonly #inner: MemoryStorage
  commits = 0
  fault: StoreError | undefined
  unreadable: ((key: string) => StoreError | undefined) | undefined
  isDamaged: (key: string) => boolean = () => false

  constructor(
    readonly contents: MemoryContents,
    readonly timers: TestTimers,
    readonly commitMs: number,
  ) {
    this.#inner = new MemoryStorage({ contents, schedule: (run) => void timers.after(commitMs, run) })
  }

  get(key: string): Uint8Array | undefined {
    const error = this.unreadable?.(key)
    if (error !== undefined) throw error
    if (this.isDamaged(key)) throw new StoreError('STORAGE_CORRUPT', `${key}: the checksum does not match`)
    return this.#inner.get(key)
  }

  scan: Storage['scan'] = (prefix, options) => this.#inner.scan(prefix, options)
  keys: Storage['keys'] = (prefix, options) => this.#inner.keys(prefix, options)

  commit(ops: readonly StorageOp[], done: (error?: Error) => void): void {
    this.commits++
    const { fault } = this
    if (fault === undefined) this.#inner.commit(ops, done)
    else this.timers.after(this.commitMs, () => done(fault))
  }

  close(): Promise<void> {
    return this.#inner.close()
  }
}

export interface NodeOptions {
  readonly settings?: Partial<Settings>
  readonly commitMs?: number
  readonly contents?: MemoryContents
  /** As of `ReplicaOptions`. */
  readonly expects?: readonly RegionId[]
  /** As of `ReplicaOptions`. */
  readonly searchable?: (done: () => void) => void
  readonly joins?: boolean
  /** As of `ReplicaOptions`. */
  readonly copies?: FindCopies
}

/** One region under test: a directory and a clock that stay, a process that comes and goes. */
export class TestNode {
  readonly clock: TestClock
  contents: MemoryContents
  storage!: TestStorage
  index!: ExactIndex
  replica!: Replica
  warnings: string[] = []
  /** Rows that fail their checksum, over restarts. */
  isDamaged: (key: string) => boolean = () => false
  #timers!: TestTimers

  constructor(
    readonly time: TestTime,
    readonly region: string,
    readonly number: number,
    readonly options: NodeOptions = {},
  ) {
    this.clock = new TestClock(time)
    this.contents = options.contents ?? new MemoryContents()
    this.start()
  }

  start(): void {
    this.#timers = new TestTimers(this.time)
    this.storage = new TestStorage(this.contents, this.#timers, this.options.commitMs ?? 0)
    this.storage.isDamaged = (key) => this.isDamaged(key)
    this.index = new ExactIndex()
    const warn = (_: unknown, message: string): void => void this.warnings.push(message)
    this.replica = Replica.open({
      region: parseRegionId(this.region),
      replica: parseReplicaId(this.number),
      storage: this.storage,
      index: this.index,
      clock: this.clock,
      timers: this.#timers,
      random: new SeededRandom(this.number * 1000 + this.time.nowMs),
      log: { info() {}, warn, error: warn },
      ...(this.options.searchable === undefined ? {} : { searchable: this.options.searchable }),
      ...(this.options.expects === undefined ? {} : { expects: this.options.expects }),
      joins: this.options.joins ?? false,
      ...(this.options.copies === undefined ? {} : { copies: this.options.copies }),
      ...(this.options.settings === undefined ? {} : { settings: this.options.settings }),
    })
  }

  /** Power goes: what is not durable is lost. */
  crash(): void {
    this.#timers.kill()
    this.replica.stop()
  }

  restart(): void {
    this.crash()
    this.start()
  }

  /** Runs `start` and the clock until it is answered. */
  await<T>(start: (done: Done<T>) => void): Outcome<T> {
    const outcome: Outcome<T> = { value: undefined, error: undefined }
    let isDone = false
    start((result) => {
      isDone = true
      if (result.ok) outcome.value = result.value
      else outcome.error = result.error
    })
    this.time.until(() => isDone, 'an answer')
    return outcome
  }

  create(name = 'c', config = CONFIG): WriteReceipt {
    return must(this.await((done) => this.replica.createCollection(name, config, done)))
  }

  write(ops: readonly RecordOp[], collection = 'c'): WriteReceipt {
    return must(this.await((done) => this.replica.write({ collection, ops }, done)))
  }

  put(id: PointId, payload: JsonObject = {}, vector = [1, 0, 0, 0]): WriteReceipt {
    return this.write([put(id, payload, vector)])
  }

  /** Payload of a visible record. */
  read(id: PointId, collection = 'c'): JsonObject | undefined {
    const found = this.replica.collections().find(({ name }) => name === collection)
    const ordinal = found?.find(id)
    return ordinal === undefined ? undefined : found!.payload(ordinal)
  }

  get vector(): Record<string, number> {
    return this.replica.status().vectors.acked.toJSON()
  }

  digests(collection = 'c'): string[] {
    return this.replica
      .collection(collection)
      .digests()
      .map(({ digest, live }) => `${digest}/${live}`)
  }

  /** Ids that an exhaustive search finds. */
  searched(collection = 'c'): PointId[] {
    const found = this.replica.collection(collection)
    const hits = this.index.searchNow(found.space(''), { vector: new Float32Array([1, 1, 1, 1]), limit: 1_000_000 })
    return hits.map(({ ordinal }) => found.id(ordinal)).sort()
  }

  /** Links with `peer`; this end dials. */
  link(peer: TestNode): TestLink {
    const link = new TestLink(this.time)
    link.connect(
      (port) => this.replica.attach(port, { dialed: true }),
      (port) => peer.replica.attach(port, { dialed: false }),
    )
    return link
  }
}

export const put = (id: PointId, payload: JsonObject = {}, vector = [1, 0, 0, 0]): RecordOp => ({
  kind: 'put',
  id,
  vectors: new Map([['', new Float32Array(vector)]]),
  payload,
})

export const patch = (
  id: PointId,
  set: JsonObject,
  rest: Partial<Extract<RecordOp, { kind: 'patch' }>> = {},
): RecordOp => ({
  kind: 'patch',
  id,
  clear: false,
  set,
  unset: [],
  vectors: new Map(),
  dropVectors: [],
  ...rest,
})

export const del = (id: PointId): RecordOp => ({ kind: 'delete', id })

export const must = <T>({ value, error }: Outcome<T>): T => {
  if (error !== undefined) throw error
  return value as T
}

/** Steps until all nodes hold the same transactions. */
export const converge = (time: TestTime, ...nodes: readonly TestNode[]): void => {
  time.run(20)
  const same = (): boolean => new Set(nodes.map((node) => JSON.stringify(node.vector))).size === 1
  time.until(same, `equal vectors: ${nodes.map((node) => JSON.stringify(node.vector)).join(' ')}`)
}
