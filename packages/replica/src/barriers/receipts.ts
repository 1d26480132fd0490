import { type Timers, VersionVector } from '@meridian/core'
import type { RegionReceipt } from '../api.js'
import type { Identity } from '../identity.js'
import type { Membership } from '../membership/membership.js'
import type { Peers } from '../peers.js'
import type { TransactionLog } from '../transaction-log.js'

export interface ReceiptContext {
  readonly identity: Identity
  readonly log: TransactionLog
  readonly timers: Timers
  readonly membership: Membership
  readonly peers: Peers
  indexed(): VersionVector
}

/** Where all that `vector` covers has got to, by active member. */
export const receiptsOf = (vector: VersionVector, context: ReceiptContext): RegionReceipt[] => {
  const { identity, log, timers, membership, peers } = context
  const now = timers.elapsedMs()
  return membership.counted().map(({ region, replica }) => {
    if (replica === identity.replica) {
      const isHere = log.vector.dominates(vector)
      const searchable = context.indexed().dominates(vector)
      return { region, replica, logged: isHere, merged: isHere, searchable, heardMsAgo: 0 }
    }
    const peer = peers.get(replica)
    const logged = peers.acked(replica).dominates(vector)
    const searchable = (peer?.indexed ?? VersionVector.ZERO).dominates(vector)
    const heardMsAgo = peer?.heardAt === undefined ? undefined : Math.round(now - peer.heardAt)
    return { region, replica, logged, merged: logged, searchable, heardMsAgo }
  })
}
