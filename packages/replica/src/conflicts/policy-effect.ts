import { type ConflictPolicy, formatStamp, orderOf } from '@meridian/core'
import { MergedView } from '@meridian/shard'
import type { CollectionState } from '../collection-state.js'

/** What a policy would change of what shows now. */
export interface PolicyEffect {
  readonly records: number
  /** Records of which some write that shows would be another one, or that would appear or go. */
  readonly changed: number
  /** Of those: that would appear, and that would go. */
  readonly appear: number
  readonly vanish: number
}

const STEP_BLOCKS = 64
const STEP_RECORDS = 4096

/**
 * Folds the collection again under another policy, a shard at a time, and compares. Yields between steps, so that the caller can
 * let others work; writes that come in between are counted with one side or the other. Costs the memory of one shard's view.
 */
export function* policyEffect(
  state: CollectionState,
  policy: ConflictPolicy,
  horizonMs: number,
): Generator<undefined, PolicyEffect> {
  const effect = { records: 0, changed: 0, appear: 0, vanish: 0 }
  for (const [shard, view] of state.views.entries()) {
    const store = (doc: number) => state.stores.get(state.uids[doc]!)![shard]!
    const other = new MergedView(({ doc, client, clock }) => store(doc).read(client, clock), undefined, orderOf(policy))
    let steps = 0
    for (const doc of state.uids.keys())
      for (const { client, clock, bytes } of store(doc).blocks()) {
        other.fold({ doc, client, clock }, bytes, { deferAbove: horizonMs })
        if (++steps % STEP_BLOCKS === 0) yield
      }
    for (const slot of view.liveSlots()) {
      if (effect.records++ % STEP_RECORDS === 0) yield
      // The step may have let others write: it may be gone.
      if (!view.isLive(slot)) continue
      const there = other.find(view.id(slot))
      if (there === undefined || !other.isLive(there)) effect.vanish++
      else if (writesOf(view, slot) === writesOf(other, there)) continue
      effect.changed++
    }
    let looked = 0
    for (const slot of other.liveSlots()) {
      if (++looked % STEP_RECORDS === 0) yield
      const here = view.find(other.id(slot))
      if (here !== undefined && view.isLive(here)) continue
      effect.appear++
      effect.changed++
    }
  }
  return effect
}

const writesOf = (view: MergedView, slot: number): string =>
  view
    .history(slot)
    .map(({ what, name, isRemoved, stamp }) => `${what} ${name ?? ''} ${isRemoved} ${formatStamp(stamp)}`)
    .sort()
    .join('\n')
