import { clientIdOf, type CollectionUid } from '@meridian/core'
import type { ReplicaStatus } from '../api.js'
import type { Engine } from '../engine.js'

/** Damaged blocks that a status names. */
const DAMAGED_SHOWN_MAX = 20

/** All that a replica tells of itself, as of now. */
export const statusOf = (engine: Engine): ReplicaStatus => {
  const { cluster, data, sequencer } = engine
  const { membership } = cluster
  const { region, replica, storeId, boot } = engine.identity
  return {
    region,
    replica,
    storeId,
    boot,
    client: clientIdOf(replica, boot),
    vectors: engine.vectors,
    members: membership.all(),
    standing: membership.standing,
    configuration: membership.configuration.index,
    bootstrap: membership.progress,
    peers: cluster.report.statuses(),
    onlyHere: cluster.report.onlyHere(),
    refusals: cluster.admission.refusals.recent(),
    clock: { ownOffsetMs: cluster.clockGuard.ownOffsetMs, fault: cluster.clockGuard.fault },
    disk: {
      failure: sequencer.failure?.message,
      full: sequencer.full?.message,
      flushingMs: sequencer.flushingMs,
    },
    fenced: cluster.fence.reason,
    leaving: membership.leaving,
    counters: engine.counters,
    readOnly: engine.gate.reason?.message,
    storage: storageOf(engine),
    damage: damageOf(engine),
    divergent: cluster.antiEntropy.divergences(),
    deferred: data.deferred,
    orphans: data.collections.reduce((sum, { orphanCount }) => sum + orphanCount, 0),
    purgeBlockedBy: cluster.purge.blockers(),
  }
}

const storageOf = ({ log, data }: Engine): ReplicaStatus['storage'] => {
  const ends = log.vector.entries()
  return {
    blockBytes: data.blockBytes,
    logEntries: ends.reduce((sum, [origin, seq]) => sum + seq + 1 - (log.oldest(origin) ?? seq + 1), 0),
    logBytes: ends.reduce((sum, [origin, seq]) => sum + log.totalAt(origin, seq), 0),
  }
}

const damageOf = ({ data, scrub }: Engine): ReplicaStatus['damage'] => {
  const { damage, collections } = data
  const nameOf = (uid: CollectionUid) => collections.find(({ uids }) => uids.includes(uid))?.name
  const blocks = [...damage.list()].slice(0, DAMAGED_SHOWN_MAX)
  return {
    blocks: damage.size,
    found: damage.found,
    repaired: damage.repaired,
    scrubs: scrub.passes,
    unreadable: collections.filter((state) => data.hole(state) !== undefined).map(({ name }) => name),
    first: blocks.map((block) => ({ collection: nameOf(block.uid), ...block })),
  }
}
