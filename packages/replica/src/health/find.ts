import type { RegionId, Timers } from '@meridian/core'
import type { ReplicaStatus } from '../api.js'
import type { Settings } from '../settings.js'
import type { Degradation } from './degradation.js'
import type { PeerStatus } from './peer-status.js'
import { RecentRise } from './recent-rise.js'

/** Heartbeats that a peer may miss. */
const MISSED_BEATS_MAX = 3
/** A linked peer may be this far behind: a burst is no fault. */
const BEHIND_MAX_SECONDS = 8
/** A flush may take this long. */
const STALL_MAX_MS = 2000

export interface FindParts {
  readonly timers: Timers
  readonly settings: Settings
  /** Regions that the configuration names as peers. */
  readonly expects: readonly RegionId[]
  status(): ReplicaStatus
}

/** Finds what is wrong in what the engine knows. */
export class Degradations {
  readonly #startedMs: number
  readonly #refusedFrames: RecentRise

  constructor(readonly parts: FindParts) {
    this.#startedMs = parts.timers.elapsedMs()
    this.#refusedFrames = new RecentRise(parts.timers)
  }

  find(): Degradation[] {
    const status = this.parts.status()
    return [
      ...this.#own(status),
      ...this.#disk(status),
      ...status.peers.flatMap((peer) => [...this.#peer(peer)]),
      ...this.#unmet(status),
      ...refused(status),
      ...status.purgeBlockedBy.map(
        ({ region, why, forSeconds }): Degradation => ({
          ...{ code: 'PURGE_BLOCKED', peer: region },
          message: `deletes cannot be forgotten: region ${region} ${why} for ${forSeconds} s; bring it back, or retire it`,
        }),
      ),
    ]
  }

  *#own({ standing, bootstrap, fenced, leaving, clock, deferred, counters }: ReplicaStatus): Iterable<Degradation> {
    if (fenced !== undefined) yield { code: 'FENCED', message: `no writes: ${fenced}` }
    if (leaving !== undefined) yield { code: 'LEAVING', message: `no writes: ${leaving}` }
    if (standing === 'joining' && bootstrap !== undefined) {
      const { isDone, writes, bytes } = bootstrap
      const how = isDone
        ? 'it has caught up and waits to be added'
        : `${writes.done} of ${writes.of} transactions and ${bytes.done} of about ${bytes.of} bytes are here`
      yield { code: 'JOINING', message: `this region is joining: ${how}` }
    }
    if (clock.fault !== undefined) yield { code: 'CLOCK_OFF', message: `no writes: ${clock.fault}` }
    if (deferred > 0)
      yield { code: 'FUTURE_STAMPS', message: `${deferred} writes are stamped in the future and wait for their time` }
    const frames = this.#refusedFrames.of(counters.framesRefused)
    if (frames > 0)
      yield { code: 'FRAMES_REFUSED', message: `${frames} damaged or wrong frames of peers were refused lately` }
  }

  *#disk({ disk, damage, divergent }: ReplicaStatus): Iterable<Degradation> {
    for (const { collection, shard, region, ids, isLasting } of divergent)
      if (isLasting)
        yield {
          ...{ code: 'DIVERGED', peer: region, about: `${collection}/${shard}` },
          message: `shard ${shard} of collection ${collection} shows other records than region ${region} though both hold the same: points ${ids.join(', ')}`,
        }
    if (damage.blocks > 0) {
      const unread = damage.unreadable.length === 0 ? '' : `; not readable meanwhile: ${damage.unreadable.join(', ')}`
      yield {
        code: 'BLOCKS_DAMAGED',
        message: `${damage.blocks} stored blocks are damaged and wait for a peer${unread}`,
      }
    }
    if (disk.failure !== undefined) yield { code: 'DISK_FAILED', message: `no writes until a restart: ${disk.failure}` }
    else if (disk.full !== undefined)
      yield { code: 'DISK_FULL', message: `no writes until there is room: ${disk.full}` }
    if (disk.flushingMs > STALL_MAX_MS)
      yield { code: 'DISK_STALLED', message: `the disk has been flushing for ${Math.round(disk.flushingMs / 1000)} s` }
  }

  *#peer(peer: PeerStatus): Iterable<Degradation> {
    const { region, replica, state, behind, transfer, clockOffsetMs } = peer
    const { heartbeatMs, clockGuardMs } = this.parts.settings
    const of = { peer: region, about: `replica ${replica}` }
    const silentMs = peer.heardMsAgo ?? this.#upMs
    const isSilent = silentMs > MISSED_BEATS_MAX * heartbeatMs
    if (isSilent) yield { code: 'PEER_SILENT', ...of, message: silence(peer, silentMs) }
    else if (state === 'linked' && peer.hearsUs === false)
      yield { code: 'PEER_DEAF', ...of, message: `region ${region} is heard and says that it does not hear us` }
    if (behind.seconds > BEHIND_MAX_SECONDS && !isSilent)
      yield { code: 'PEER_BEHIND', ...of, message: `region ${region} is linked and ${lag(peer)} behind` }
    if (transfer !== 'none')
      yield {
        ...{ code: 'TRANSFER', ...of },
        message: `whole state is being ${transfer === 'sending' ? `sent to region ${region}` : `received from region ${region}`}`,
      }
    if (state === 'linked' && clockOffsetMs !== undefined && Math.abs(clockOffsetMs) > clockGuardMs)
      yield {
        ...{ code: 'PEER_CLOCK_OFF', ...of },
        message: `the clock of region ${region} is ${span(clockOffsetMs)} ${clockOffsetMs > 0 ? 'ahead of' : 'behind'} ours: one of the two is wrong`,
      }
  }

  /** Configured and never met: the catalog need not name them. */
  *#unmet({ peers, region: own }: ReplicaStatus): Iterable<Degradation> {
    if (this.#upMs <= MISSED_BEATS_MAX * this.parts.settings.heartbeatMs) return
    for (const region of this.parts.expects)
      if (region !== own && !peers.some((peer) => peer.region === region))
        yield { code: 'PEER_SILENT', peer: region, message: `region ${region} has never been heard of` }
  }

  get #upMs(): number {
    return this.parts.timers.elapsedMs() - this.#startedMs
  }
}

const refused = ({ refusals }: ReplicaStatus): Degradation[] =>
  refusals.map(({ region, code, reason, isOurs }) => ({
    code: 'PEER_REFUSED',
    ...(region === undefined ? {} : { peer: region }),
    about: `${isOurs ? 'by us' : 'by them'}: ${code}`,
    message: isOurs
      ? `a link of ${region === undefined ? 'a peer' : `region ${region}`} was refused: ${reason}`
      : `a peer refused a link of ours: ${reason}`,
  }))

const silence = (peer: PeerStatus, silentMs: number): string => {
  const { region, heardMsAgo, behind, via, lastError } = peer
  const since = heardMsAgo === undefined ? 'since the start' : `for ${Math.round(silentMs / 1000)} s`
  const why = lastError === undefined ? '' : ` (${lastError})`
  const what = behind.writes === 0 ? 'it lacks nothing' : `it lacks ${lag(peer)}`
  const way = via.length === 0 ? '' : `; writes go through ${via.join(', ')}`
  return `region ${region} has not been heard ${since}${why}: ${what}${way}`
}

const lag = ({ behind: { writes, bytes, seconds } }: PeerStatus): string =>
  `${writes} writes (${bytes} bytes, ${seconds.toFixed(1)} s)`

const span = (ms: number): string => {
  const size = Math.abs(ms)
  return size < 10_000 ? `${Math.round(size)} ms` : `${Math.round(size / 1000)} s`
}
