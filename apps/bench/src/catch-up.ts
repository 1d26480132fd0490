import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  HNSW_DEFAULT,
  type LinkHandler,
  type PeerLink,
  parseRegionId,
  parseReplicaId,
  SILENT_LOG,
} from '@meridian/core'
import { promised, Replica } from '@meridian/replica'
import { LmdbStorage } from '@meridian/storage'
import { systemClock, systemRandom, systemTimers } from '@meridian/transport'
import { NoIndex } from './no-index.js'
import { DIMS, records } from './records.js'

const COLLECTION = 'bench'
const LOOK_MS = 5
/** For members to be known to each other, and for the log to be at rest, before the link is cut. */
const SETTLE_MS = 1500

/** Two engines in this process, on disk, without index and sockets, and the link between them. */
class Pair implements AsyncDisposable {
  #cut = (): void => {}

  private constructor(
    readonly dir: string,
    readonly storages: readonly LmdbStorage[],
    readonly eu: Replica,
    readonly us: Replica,
  ) {}

  static async open(): Promise<Pair> {
    const dir = await mkdtemp(join(tmpdir(), 'meridian-bench-'))
    const storages: LmdbStorage[] = []
    const replicas: Replica[] = []
    for (const [i, name] of ['eu', 'us'].entries()) {
      const storage = await LmdbStorage.open({ directory: join(dir, name) })
      storages.push(storage)
      const ports = { clock: systemClock, timers: systemTimers, random: systemRandom, log: SILENT_LOG }
      const identity = { region: parseRegionId(name), replica: parseReplicaId(i + 1) }
      replicas.push(Replica.open({ ...identity, ...ports, storage, index: new NoIndex() }))
    }
    return new Pair(dir, storages, replicas[0]!, replicas[1]!)
  }

  /** Frames arrive in the next turn of the event loop, as copies. */
  link(): void {
    const handlers: LinkHandler[] = []
    let isOpen = true
    const port = (to: number): PeerLink => ({
      bufferedBytes: 0,
      send: (frame) => {
        const copy = new Uint8Array(frame)
        setImmediate(() => {
          if (isOpen) handlers[to]!.frame(copy)
        })
      },
      close: () => this.#cut(),
    })
    this.#cut = () => {
      if (!isOpen) return
      isOpen = false
      for (const handler of handlers) handler.closed('cut')
    }
    handlers.push(this.eu.attach(port(1), { dialed: true }), this.us.attach(port(0), { dialed: false }))
  }

  cut(): void {
    this.#cut()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const replica of [this.eu, this.us]) await replica.close()
    for (const storage of this.storages) await storage.close()
    await rm(this.dir, { recursive: true })
  }
}

const until = async (look: () => boolean): Promise<void> => {
  while (!look()) await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
}

const held = (replica: Replica): number =>
  replica.collections().find(({ name }) => name === COLLECTION)?.liveCount ?? -1

/**
 * One region writes `transactions` of `perTransaction` records while the other is cut off. Returns the processor time, in
 * microseconds a record, that both take together from the link's return until the other holds all: threads included.
 */
export const catchUp = async (transactions: number, perTransaction: number): Promise<number> => {
  await using pair = await Pair.open()
  const { eu, us } = pair
  const vectors = { '': { size: DIMS, metric: 'Cosine', hnsw: HNSW_DEFAULT } } as const
  await promised((done) => eu.createCollection(COLLECTION, { vectors, shards: 4 }, done))
  pair.link()
  await until(() => held(us) === 0)
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
  pair.cut()
  const count = transactions * perTransaction
  for (let from = 0; from < count; from += perTransaction) {
    const ops = records(from, from + perTransaction)
    await promised((done) => eu.write({ collection: COLLECTION, ops }, done))
  }
  globalThis.gc?.()
  const before = process.cpuUsage()
  pair.link()
  await until(() => held(us) === count)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / count
}
