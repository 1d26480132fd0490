import { randomUUID } from 'node:crypto'
import type { Server } from 'node:http'
import { join } from 'node:path'
import type { Storage, VectorIndex } from '@meridian/core'
import { HnswIndex } from '@meridian/index'
import { Replica } from '@meridian/replica'
import { LmdbStorage } from '@meridian/storage'
import {
  parseRoomPath,
  PeerServer,
  RefusalCounts,
  RoomServer,
  routeUpgrades,
  systemClock,
  systemRandom,
  systemTimers,
  yDocRoom,
} from '@meridian/transport'
import { createApp } from './app.js'
import type { Config } from './config.js'
import { findCopies } from './erasure/copies.js'
import { Gate } from './gate.js'
import { mayRead } from './http/access.js'
import { Keyring } from './http/auth.js'
import { asStoreError } from './http/errors.js'
import { WrongKeys } from './http/wrong-keys.js'
import { listen, makeServer, stopListening } from './http-server.js'
import { memoryUsed } from './intake/memory-use.js'
import { regionIntake } from './intake/region-intake.js'
import { diskRoom } from './health/disk-room.js'
import { Health } from './health/health.js'
import { PeerLinks } from './links.js'
import { createLog, type ServerLog } from './logging.js'
import { Metrics } from './metrics.js'
import { PayloadBudget } from './query/payload-budget.js'
import { indexedCounts, nameOf, type Region } from './region.js'
import { Snapshots } from './snapshots/snapshots.js'

export interface RunningServer extends AsyncDisposable {
  /** Where clients reach it from this machine. */
  readonly url: string
  readonly port: number
  readonly replica: Replica
  /**
   * Graceful: refuses new requests with 503, waits for those under way (`drainMs` at most), ends the links, makes durable
   * what was taken, writes index snapshots, and lets go of the data directory. Safe to call twice.
   */
  close(): Promise<void>
}

/** How the parts below the HTTP surface are opened; tests put memory in their place. */
export interface Parts {
  openStorage(config: Config, log: ServerLog): Promise<Storage>
  openIndex(config: Config, log: ServerLog, onReset: (collection: string, vector: string) => void): VectorIndex
}

const PARTS: Parts = {
  openStorage: (config, log) => LmdbStorage.open({ directory: config.dataDir, mapSizeBytes: config.mapSizeBytes, log }),
  openIndex: (config, log, onReset) =>
    new HnswIndex({
      directory: config.dataDir,
      log,
      workers: config.indexWorkers,
      // Deleted vectors leave a graph when it is rebuilt: at the ceiling that is the only way back below it.
      memoryFree: (reason) => {
        const [below, available] = [config.memoryMaxBytes - memoryUsed(), process.availableMemory()]
        return Math.max(0, reason === 'dead' ? available : Math.min(below, available))
      },
      onReset: (space) => onReset(space.collection, space.vector),
    }),
}

/**
 * Opens one region: storage, index, engine, HTTP and links, in this order. It resolves when requests are taken; `/readyz` tells when
 * the index has loaded.
 * @throws StoreError with one line for the operator: the data directory belongs to another region or process, the port is taken.
 */
export const startServer = async (
  config: Config,
  log: ServerLog = createLog(config),
  parts: Parts = PARTS,
): Promise<RunningServer> => {
  const opened: (() => Promise<unknown>)[] = []
  try {
    return await compose(config, log, parts, opened)
  } catch (error) {
    for (const close of opened.reverse()) await close().catch(() => undefined)
    throw error
  }
}

/** Pushes onto `opened` how to close each part, so that a failure half way leaves nothing open. */
const compose = async (
  config: Config,
  log: ServerLog,
  parts: Parts,
  opened: (() => Promise<unknown>)[],
): Promise<RunningServer> => {
  const storage = await parts.openStorage(config, log)
  opened.push(() => storage.close())
  const metrics = new Metrics()
  let health: Health | undefined
  let snapshots: Snapshots | undefined
  const index = parts.openIndex(config, log, (collection, vector) => {
    health?.indexWorkerDied()
    replica.resyncSpace(collection, vector)
  })
  opened.push(async () => {
    await index.flush().catch(logged(log, 'index snapshot not written: it is rebuilt at the next start'))
    await index.close()
  })
  const replica: Replica = Replica.open({
    region: config.region,
    replica: config.replica,
    storage,
    index,
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
    log,
    expects: config.peers.map(({ region }) => region),
    joins: config.joins,
    copies: findCopies(index, () => snapshots),
    settings: {
      linkBufferBytesMax: config.linkBufferBytesMax,
      conflictsMax: config.conflictsMax,
      conflictBytesMax: config.conflictBytesMax,
      conflictAgeMs: config.conflictAgeMs,
      scrubMs: config.scrubMs,
      antiEntropyMs: config.antiEntropyMs,
    },
    events: {
      indexed: (seconds) => metrics.refreshSeconds.observe(seconds),
      replicated: (peer, seconds) => metrics.replicationSeconds.observe({ peer }, seconds),
    },
  })
  opened.push(() => replica.close())
  const intake = regionIntake(config, replica, index)
  const folder = await Snapshots.open(join(config.dataDir, 'snapshots'), replica, intake)
  snapshots = folder
  opened.push(() => folder.close())
  const gate = new Gate()
  const refusals = { link: new RefusalCounts(), room: new RefusalCounts() }
  const links = new PeerLinks(config, replica, log, refusals.link)
  opened.push(() => links.close())
  const watched = new Health({
    ...{ replica, index, links, log, intake },
    timers: systemTimers,
    room: () => diskRoom(config.dataDir),
  })
  health = watched
  opened.push(async () => watched[Symbol.dispose]())
  const region: Region = {
    config,
    replica,
    index,
    metrics,
    links,
    health: watched,
    intake,
    snapshots: folder,
    refusals,
    payloadBudget: new PayloadBudget(config.payloadIndexBytesMax),
    report: (error, message) => log.error({ error_code: error.code, error: error.message }, message),
    startedAt: new Date(),
    instance: randomUUID(),
    unready: () => (gate.isClosing ? 'shutting down' : unready(region)),
    // After a failed flush nothing is written any more in this process: a restart is the remedy.
    broken: () => {
      const reason = replica.readOnlyReason()
      return reason?.code === 'STORAGE_FAILED' ? reason.message : undefined
    },
  }
  const server = makeServer(config)
  server.on('request', createApp(region, gate, log).callback())
  const sockets = acceptSockets(server, region, log)
  opened.push(() => sockets.close())
  const { url, port } = await listen(server, config)
  log.info({ url, replica: config.replica, peers: config.peers.map((peer) => peer.region) }, 'serving')
  if (new Keyring(config).isOpen && !['127.0.0.1', 'localhost', '::1'].includes(config.host))
    log.warn({ host: config.host }, 'no --api-key: whoever reaches this address can read and write')
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => {
    closing ??= stop(config, log, gate, server, opened)
    return closing
  }
  return { url, port, replica, close, [Symbol.asyncDispose]: close }
}

const acceptSockets = (server: Server, region: Region, log: ServerLog) => {
  const { config, replica, refusals } = region
  const keys = new Keyring(config)
  const wrongKeys = new WrongKeys()
  const mayGuess = (address: string): boolean => wrongKeys.admits(address, performance.now())
  const peers = new PeerServer({
    clusterKey: config.clusterKey,
    timers: systemTimers,
    log,
    onLink: (link) => replica.attach(link, { dialed: false }),
    mayGuess,
    linksMax: config.linksMax,
    firstFrameMs: config.firstMessageMs,
    refusals: refusals.link,
  })
  const rooms = new RoomServer({
    rooms: {
      open: (collection, shard) => {
        const document = replica.shardDocument(collection, shard)
        return document === undefined || replica.unservable() !== undefined ? undefined : yDocRoom(document.doc)
      },
    },
    // Stock providers cannot set headers: they send the key as a parameter.
    authorize: (request) => {
      const { searchParams, pathname } = new URL(request.url ?? '/', 'http://room')
      const grant = keys.find({ 'api-key': searchParams.get('api-key') ?? undefined, ...request.headers })
      const room = parseRoomPath(pathname)
      if (grant === undefined || room === undefined) return grant !== undefined
      return mayRead(grant, room.collection, (name) => nameOf(region, name))
    },
    timers: systemTimers,
    log,
    mayGuess,
    limits: {
      connectionsMax: config.roomsMax,
      connectionsPerAddressMax: config.roomsPerAddressMax,
      inboundBytesMax: config.roomMessageBytesMax,
      bufferBytesMax: config.roomBufferBytesMax,
      firstStepMs: config.firstMessageMs,
    },
    refusals: refusals.room,
  })
  const routes = routeUpgrades(server, [peers.route, rooms.route])
  return {
    close: async () => {
      await Promise.all([peers.close(), rooms.close()])
      routes[Symbol.dispose]()
    },
  }
}

const stop = async (
  config: Config,
  log: ServerLog,
  gate: Gate,
  server: Server,
  opened: (() => Promise<unknown>)[],
): Promise<void> => {
  log.info({}, 'stopping')
  const left = await gate.close(config.drainMs)
  if (left > 0) log.warn({ requests: left }, 'requests were still under way; ended')
  // Sockets that were upgraded are not the HTTP server's any more: both are told to end, neither waits for the other.
  const listening = stopListening(server, left > 0 ? 0 : 1000)
  for (const close of opened.reverse()) await close().catch(logged(log, 'not closed cleanly'))
  await listening
  log.info({}, 'stopped')
}

const logged =
  (log: ServerLog, message: string) =>
  (thrown: unknown): void => {
    const error = asStoreError(thrown)
    log.error({ error_code: error.code, error: error.message }, message)
  }

/** Why requests cannot be served in full: writes refused, blocks damaged, or vectors not loaded. */
const unready = (region: Region): string | undefined => {
  const joining = region.replica.unservable()
  if (joining !== undefined) return joining.message
  const readOnly = region.replica.readOnlyReason()
  if (readOnly !== undefined) return `not writable: ${readOnly.message}`
  const { unreadable, blocks } = region.replica.status().damage
  if (unreadable.length > 0)
    return `${blocks} damaged blocks are being fetched from peers; ${unreadable.length} collections are not readable meanwhile`
  for (const collection of region.replica.collections())
    if (!indexedCounts(region, collection).isLoaded) return `loading the index of collection ${collection.name}`
  return undefined
}
