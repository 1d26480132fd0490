import type { Agreement, ReplicaStatus } from '@meridian/replica'
import { Counter, Gauge, type Registry } from 'prom-client'
import type { HealthView } from './health.js'

/** Lag, loss and degradations, as `/meridian/cluster` and `/health` tell them. */
export class HealthMetrics {
  readonly #gauges: Gauge[] = []
  readonly #lag = this.#gauge(
    'replication_lag_seconds',
    'Age of the oldest write held here that the peer has not acknowledged',
    ['peer'],
  )
  readonly #queue = this.#gauge(
    'replication_queue_depth',
    'Transactions held here that the peer has not acknowledged',
    ['peer'],
  )
  readonly #lagBytes = this.#gauge('replication_lag_bytes', 'Bytes of those transactions', ['peer'])
  readonly #flyingFrames = this.#gauge('replication_in_flight_frames', 'Frames sent and not yet acknowledged', ['peer'])
  readonly #flyingBytes = this.#gauge('replication_in_flight_bytes', 'Bytes of those frames', ['peer'])
  readonly #linked = this.#gauge('replication_linked', '1 while a live link with the peer exists', ['peer'])
  readonly #heard = this.#gauge(
    'replication_heard_seconds',
    'Time since the peer was last heard; absent before it was heard in this run',
    ['peer'],
  )
  readonly #transfer = this.#gauge('replication_transfer', '1 while whole state is on its way', ['peer', 'direction'])
  readonly #peerClock = this.#gauge('clock_offset_seconds', "The peer's clock minus ours", ['peer'])
  readonly #ownClock = this.#gauge('own_clock_offset_seconds', 'Our clock minus the median of the linked peers')
  readonly #loneSeconds = this.#gauge(
    'unreplicated_seconds',
    'Age of the oldest write that no other region is known to have',
  )
  readonly #loneWrites = this.#gauge('unreplicated_writes', 'Transactions that no other region is known to have')
  readonly #loneBytes = this.#gauge(
    'unreplicated_bytes',
    'Bytes of those transactions: what is lost if this region burns',
  )
  readonly #future = this.#gauge('future_stamps', 'Writes stamped in the future that wait for their time')
  readonly #readOnly = this.#gauge('read_only', '1 while writes are refused')
  readonly #degraded = this.#gauge('degraded', '1 for each degradation that /health lists', ['code', 'peer'])
  readonly #bootstrapWrites = this.#gauge('bootstrap_writes', 'Of a joining region: transactions here, and expected', [
    'state',
  ])
  readonly #bootstrapBytes = this.#gauge('bootstrap_bytes', 'Of a joining region: bytes here, and about expected', [
    'state',
  ])
  readonly #blocked = this.#gauge(
    'event_loop_blocked_seconds',
    'Longest standstill of the process in the last 15 seconds',
  )
  readonly #diskFree = this.#gauge('disk_free_bytes', "Free on the data directory's disk")
  readonly #diskSize = this.#gauge('disk_size_bytes', "Size of the data directory's disk")
  readonly #purgeBlocked = this.#gauge(
    'purge_blocked_by',
    'Seconds for which the region has kept deletes from being forgotten; absent when it does not',
    ['peer'],
  )
  readonly #digests = this.#gauge(
    'shard_digests',
    'Shards whose digest agreed with the peer when both held the same, differed, or was not compared lately',
    ['peer', 'state'],
  )
  readonly #compared = this.#gauge(
    'shard_digests_compared_seconds',
    'Time since the shard that waits longest was compared with the peer; absent before all were, in this run',
    ['peer'],
  )
  readonly #workerDeaths: Counter

  constructor(registry: Registry) {
    for (const gauge of this.#gauges) registry.registerMetric(gauge)
    this.#workerDeaths = new Counter({
      name: 'index_worker_deaths_total',
      help: 'Deaths of the index worker; each costs a rebuild',
      registers: [registry],
    })
  }

  /** As of now. */
  show(status: ReplicaStatus, health: HealthView): void {
    for (const gauge of this.#gauges) gauge.reset()
    this.#peers(status)
    const { onlyHere, bootstrap } = status
    this.#ownClock.set(status.clock.ownOffsetMs / 1000)
    this.#loneSeconds.set(onlyHere.seconds)
    this.#loneWrites.set(onlyHere.writes)
    this.#loneBytes.set(onlyHere.bytes)
    this.#future.set(status.deferred)
    this.#readOnly.set(status.readOnly === undefined ? 0 : 1)
    for (const { code, peer } of health.degradations()) this.#degraded.set({ code, peer: peer ?? '' }, 1)
    for (const state of ['done', 'expected'] as const) {
      if (bootstrap === undefined) break
      const of = state === 'done' ? 'done' : 'of'
      this.#bootstrapWrites.set({ state }, bootstrap.writes[of])
      this.#bootstrapBytes.set({ state }, bootstrap.bytes[of])
    }
    this.#blocked.set(health.blockedMs / 1000)
    if (health.room !== undefined) {
      this.#diskFree.set(health.room.freeBytes)
      this.#diskSize.set(health.room.totalBytes)
    }
    for (const { region: peer, forSeconds } of status.purgeBlockedBy) this.#purgeBlocked.set({ peer }, forSeconds)
    this.#workerDeaths.reset()
    this.#workerDeaths.inc(health.indexWorkerDeaths)
  }

  /** Of all shards with each peer. Comes after `show`. */
  agreements(all: readonly Agreement[]): void {
    for (const peer of new Set(all.map(({ region }) => region))) {
      const those = all.filter(({ region }) => region === peer)
      for (const state of ['agree', 'differ', 'unknown'] as const)
        this.#digests.set({ peer, state }, those.filter((each) => each.state === state).length)
      const ages = those.map(({ comparedMsAgo }) => comparedMsAgo ?? Number.POSITIVE_INFINITY)
      const oldestMs = Math.max(...ages)
      if (Number.isFinite(oldestMs)) this.#compared.set({ peer }, oldestMs / 1000)
    }
  }

  /** Of two replicas of one region name, a former and a present one, the linked one is shown. */
  #peers({ peers }: ReplicaStatus): void {
    for (const status of [...peers].sort((a, b) => Number(a.state === 'linked') - Number(b.state === 'linked'))) {
      const peer = status.region
      this.#lag.set({ peer }, status.behind.seconds)
      this.#queue.set({ peer }, status.behind.writes)
      this.#lagBytes.set({ peer }, status.behind.bytes)
      this.#flyingFrames.set({ peer }, status.inFlight.frames)
      this.#flyingBytes.set({ peer }, status.inFlight.bytes)
      this.#linked.set({ peer }, status.state === 'linked' ? 1 : 0)
      if (status.heardMsAgo !== undefined) this.#heard.set({ peer }, status.heardMsAgo / 1000)
      if (status.transfer !== 'none') this.#transfer.set({ peer, direction: status.transfer }, 1)
      if (status.clockOffsetMs !== undefined) this.#peerClock.set({ peer }, status.clockOffsetMs / 1000)
    }
  }

  #gauge(name: string, help: string, labelNames: string[] = []): Gauge {
    const gauge = new Gauge({ name, help, labelNames, registers: [] })
    this.#gauges.push(gauge)
    return gauge
  }
}
