import type { Collection } from '@meridian/replica'
import type { MergedView } from '@meridian/shard'
import type { SimNode } from './sim-node.js'

/**
 * From now on the views of one region take nothing in, though its disk, vector and lanes do, as a bug would have it. Returns what
 * ends that. What they missed they do not get any more by themselves.
 *
 * Known limit: a view that misses a record which its owner's cleaning has moved takes it for forgotten, and its region then cleans its
 * own edits of it away. Where that comes before digests are compared, these edits are lost (seeds 2, 5 and 14).
 */
export const deafen = (node: SimNode): (() => void) => {
  const views = node
    .replica!.collections()
    .flatMap((collection) => (collection as Collection & { readonly views: readonly MergedView[] }).views)
  const folds = views.map(({ fold }) => fold)
  for (const view of views) view.fold = () => []
  return () => {
    for (const [i, view] of views.entries()) view.fold = folds[i]!
  }
}
