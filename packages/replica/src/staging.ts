import { type ContentMark, markOver, type PointId, type RecordOp } from '@meridian/core'
import type { CollectionState } from './collection-state.js'
import { StagedCollection } from './staged-collection.js'
import type { Stage } from './stage.js'

/**
 * What local requests have put into the commit under construction, for those that ask what is there before they decide: a
 * request sees all that were staged before it, although none of that is in the views yet. What peers brought in the same
 * commit is not seen: to this write it is concurrent, as the blocks say.
 */
export class Staging {
  /** Marks of the records that were staged, by collection and id. */
  #marks = new Map<CollectionState, Map<PointId, ContentMark | undefined>>()
  #stage: Stage | undefined
  #staged = new Map<CollectionState, { readonly ops: (readonly RecordOp[])[]; view: StagedCollection | undefined }>()

  /** Forgets what was staged for a commit that is over. */
  begin(stage: Stage): void {
    if (this.#stage === stage) return
    this.#stage = stage
    this.#staged = new Map()
    this.#marks = new Map()
  }

  /** The mark that the op is written with: of its own, or carried on from what is below it. */
  mark(collection: CollectionState, { id, content }: RecordOp): ContentMark | undefined {
    const marks = this.#marks.get(collection)
    const below = marks?.has(id) ? marks.get(id) : collection.newestContent(id)
    const mark = markOver(collection.policy, below, content)
    if (mark === undefined && below === undefined) return undefined
    if (marks === undefined) this.#marks.set(collection, new Map([[id, mark]]))
    else marks.set(id, mark)
    return mark
  }

  add(collection: CollectionState, ops: readonly RecordOp[]): void {
    const staged = this.#of(collection)
    if (staged.view === undefined) staged.ops.push(ops)
    else staged.view.stage(ops)
  }

  /** Made when first asked for: most commits hold plain writes only. */
  view(collection: CollectionState): StagedCollection {
    const staged = this.#of(collection)
    if (staged.view === undefined) {
      staged.view = new StagedCollection(collection)
      for (const ops of staged.ops.splice(0)) staged.view.stage(ops)
    }
    return staged.view
  }

  #of(collection: CollectionState) {
    let staged = this.#staged.get(collection)
    if (staged === undefined) {
      staged = { ops: [], view: undefined }
      this.#staged.set(collection, staged)
    }
    return staged
  }
}
