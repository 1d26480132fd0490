import { type PointId, StoreError } from '@meridian/core'
import type { CollectionState } from '../collection-state.js'
import type { DataPlane } from '../data-plane.js'
import type { LocalClock } from '../local-clock.js'
import type { Settings } from '../settings.js'
import type { ShardStore } from '../shard-store.js'
import type { Stage } from '../stage.js'
import type { LocalChange, Transactions } from '../transactions.js'

export interface AppendParts {
  readonly data: DataPlane
  readonly transactions: Transactions
  readonly clock: LocalClock
  readonly settings: Settings
  /** Whether this replica may append to its lanes now. */
  mayWrite(): boolean
}

/** Appends what our states of these ids are made of. */
export const appendAgain = (
  stage: Stage,
  parts: AppendParts,
  state: CollectionState,
  shard: number,
  ids: readonly PointId[],
): void => {
  const { data, transactions, clock, settings } = parts
  if (!parts.mayWrite() || !data.isCurrent(state)) return
  let open = new Map<ShardStore, Uint8Array[]>()
  let bytes = 0
  const close = (): void => {
    if (open.size === 0) return
    const changes = [...open].map(([store, entries]): LocalChange => ({ store, entries, moved: true, removed: [] }))
    transactions.stage(stage, clock.wallMs, changes)
    open = new Map()
    bytes = 0
  }
  for (const id of ids)
    for (const entry of entriesOf(state, shard, id)) {
      if (bytes > 0 && bytes + entry.bytes.length > settings.transactionBytes) close()
      const store = data.store(state.uids[entry.doc]!, shard)!
      open.set(store, [...(open.get(store) ?? []), entry.bytes])
      bytes += entry.bytes.length
    }
  close()
}

/** None where a block is damaged, which the reading has noted: it is repaired first. */
const entriesOf = (state: CollectionState, shard: number, id: PointId) => {
  const view = state.views[shard]!
  const slot = view.find(id)
  try {
    return slot === undefined ? [] : view.entriesOf(slot)
  } catch (error) {
    if (error instanceof StoreError && error.code === 'STORAGE_CORRUPT') return []
    throw error
  }
}
