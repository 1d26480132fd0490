import { HNSW_DEFAULT, unreachable, type ReplicaId, type VectorIndex } from '@meridian/core'
import { promised, type Replica, type WriteReceipt } from '@meridian/replica'
import { HnswIndex } from '@meridian/index'
import { createLog, parseConfig, type RunningServer, startServer } from '@meridian/server'
import { LmdbStorage } from '@meridian/storage'
import type { ChildReply, ChildRequest, Told } from './child-message.js'
import { Gauge } from './gauge.js'
import { machineMs } from './machine-ms.js'
import { NoIndex } from './no-index.js'
import { records } from './records.js'
import { Sightings } from './sightings.js'
import { Sustained } from './sustained.js'

/*
 * One region as a process of the benchmark: a whole server, whose writes are made in the process instead of over HTTP, so that
 * replication is measured and not the parsing of JSON.
 */

const LOOK_MS = 2
const QUIET_MS = 3000

const reply = (message: ChildReply): void => void process.send!(message)

const until = async (look: () => boolean, everyMs = LOOK_MS): Promise<void> => {
  while (!look()) await new Promise((resolve) => setTimeout(resolve, everyMs))
}

/** Until peers have everything and cleaning, which looks once a second, has found nothing to do for a while. */
const settled = async (replica: Replica): Promise<void> => {
  let cleaned = -1
  let sinceMs = performance.now()
  await until(() => {
    const { peers, counters } = replica.status()
    if (counters.blocksCleaned !== cleaned || peers.some((peer) => peer.behind.writes > 0)) sinceMs = performance.now()
    cleaned = counters.blocksCleaned
    return performance.now() - sinceMs > QUIET_MS
  }, 100)
}

/** Returns the sequence of the last transaction. */
const write = async (replica: Replica, request: Extract<ChildRequest, { type: 'write' }>): Promise<number> => {
  const { collection, from, to, batch, writers, dims } = request
  let next = from
  let newest = 0
  const writer = async (): Promise<void> => {
    for (let at = next; at < to; at = next) {
      next = Math.min(to, at + batch)
      const ops = records(at, next, dims)
      const { seq } = await promised<WriteReceipt>((done) => replica.write({ collection, ops }, done))
      newest = Math.max(newest, seq)
    }
  }
  await Promise.all(Array.from({ length: writers }, writer))
  return newest
}

/** One after the other, at least `everyMs` apart. */
const trickle = async (
  replica: Replica,
  { collection, from, to, everyMs }: Extract<ChildRequest, { type: 'trickle' }>,
): Promise<number[]> => {
  const askedAt: number[] = []
  for (const op of records(from, to)) {
    const pause = new Promise((resolve) => setTimeout(resolve, everyMs))
    askedAt.push(machineMs())
    await promised<WriteReceipt>((done) => replica.write({ collection, ops: [op] }, done))
    await pause
  }
  return askedAt
}

const tell = (replica: Replica, name: string, peek: boolean): Told => {
  const { vectors, counters, storage } = replica.status()
  const collection = replica.collections().find((each) => each.name === name)
  const gauged = peek ? undefined : gauge?.read()
  if (!peek) gauge = undefined
  return {
    vector: vectors.acked.entries(),
    digests: collection?.digests().map(({ digest }) => digest) ?? [],
    live: collection?.liveCount ?? 0,
    written: sustained?.written ?? 0,
    blockBytes: storage.blockBytes,
    blocksCleaned: counters.blocksCleaned,
    transfersReceived: counters.transfersReceived,
    framesDropped: counters.framesDropped,
    gauged,
  }
}

const handle = async (server: RunningServer, request: ChildRequest): Promise<number | number[][] | Told> => {
  const { replica } = server
  switch (request.type) {
    case 'watch':
      sightings = new Sightings(replica, searched!, request.collection, request.from, request.to)
      return 0
    case 'seen':
      return [...(await sightings!.times())].map((times) => [...times])
    case 'trickle':
      return [await trickle(replica, request)]
    case 'create': {
      const vectors = { '': { size: request.dims, metric: 'Cosine', hnsw: HNSW_DEFAULT } } as const
      return (
        await promised<WriteReceipt>((done) =>
          replica.createCollection(request.collection, { vectors, shards: 4 }, done),
        )
      ).seq
    }
    case 'write':
      return write(replica, request)
    case 'reach':
      await until(() => replica.status().vectors.acked.get(request.replica as ReplicaId) >= request.seq)
      return request.seq
    case 'settle':
      await settled(replica)
      return 0
    case 'link':
      await until(() =>
        replica.status().peers.some((peer) => peer.region === request.region && peer.state === 'linked'),
      )
      return 0
    case 'sustain':
      sustained = new Sustained(replica, request.collection, request.from, request.perSecond, request.dims)
      return 0
    case 'rest':
      await sustained?.rest()
      return 0
    case 'gauge':
      gauge = new Gauge()
      return 0
    case 'tell':
      return tell(replica, request.collection, request.peek)
    case 'cover':
      await until(() => {
        const { acked } = replica.vectors
        return request.vector.every(([origin, seq]) => acked.get(origin as ReplicaId) >= seq)
      })
      return 0
    case 'stop':
      await server.close()
      return 0
    default:
      return unreachable(request)
  }
}

let sightings: Sightings | undefined
let searched: VectorIndex | undefined
let sustained: Sustained | undefined
let gauge: Gauge | undefined
const [index, ...pairs] = process.argv.slice(2)
const flags = Object.fromEntries(pairs.map((pair) => pair.split(/=(.*)/s).slice(0, 2))) as Record<string, string>
const config = parseConfig({ ...flags, peer: flags.peer?.split(','), port: '0', 'log-level': 'error' })
const server = await startServer(config, createLog(config, process.stderr), {
  openStorage: ({ dataDir, mapSizeBytes }, log) => LmdbStorage.open({ directory: dataDir, mapSizeBytes, log }),
  openIndex: (_, log, onReset) => {
    searched =
      index === 'none'
        ? new NoIndex()
        : new HnswIndex({ directory: config.dataDir, log, onReset: (space) => onReset(space.collection, space.vector) })
    return searched
  },
})
process.on('disconnect', () => process.exit(1))
process.on('message', (request: ChildRequest) => {
  handle(server, request).then(
    (result) => {
      if (typeof result === 'number') reply({ type: 'done', seq: result })
      else if ('vector' in result) reply({ type: 'told', told: result })
      else reply({ type: 'times', times: result })
      if (request.type === 'stop') process.disconnect()
    },
    (error: Error) => reply({ type: 'failed', reason: error.message }),
  )
})
reply({ type: 'ready', port: server.port, replica: config.replica })
