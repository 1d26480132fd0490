import { parseChange, replicaOfActor } from '@meridian/catalog'
import { malformed, StoreError } from '@meridian/core'
import {
  type ClockRange,
  checkLaneUpdate,
  compactRanges,
  type FreshStruct,
  type LaneEnds,
  type LaneUpdate,
  parseLaneUpdate,
  type UpdateSection,
} from '@meridian/shard'
import type { CatalogPlane } from './catalog-plane.js'
import type { DataPlane } from './data-plane.js'
import type { DocChange } from './doc-changes.js'
import type { Message } from './message.js'
import type { Stage } from './stage.js'

export type Update = Extract<Message, { type: 'update' }>

/** What a transaction does to one document. */
export interface CheckedPart {
  readonly change: DocChange & { readonly fresh: readonly FreshStruct[] }
  /** All blocks that the transaction names, those that a state transfer brought before included. */
  readonly blocks: readonly ClockRange[]
}

/** A transaction of another replica of which every byte was looked at. */
export interface CheckedUpdate {
  readonly changes: readonly CheckedPart[]
  /** Changes of the catalog. */
  readonly catalog: readonly Uint8Array[]
}

/** Not a fault: the catalog change that creates the collection has not arrived. */
export class UnknownCollection extends StoreError {
  constructor() {
    super('NOT_READY', 'the catalog does not know the collection yet')
  }
}

/**
 * Holds a transaction of another replica against what is staged before it. Nothing is staged here.
 *
 * @throws StoreError `DECODE_FAILED` if anything in it is unsound, `UnknownCollection` if it came too early.
 */
export const checkUpdate = (
  stage: Stage,
  { origin, seq, parts }: Update,
  { data, catalog: plane }: { readonly data: DataPlane; readonly catalog: CatalogPlane },
): CheckedUpdate => {
  const changes: CheckedPart[] = []
  const catalog: Uint8Array[] = []
  for (const part of parts) {
    if (part.kind === 'catalog') {
      for (const change of part.changes)
        if (replicaOfActor(parseChange(change).actor) !== origin) throw malformed('a catalog change of another replica')
      catalog.push(...part.changes)
      continue
    }
    const store = data.store(part.uid, part.shard)
    if (store === undefined) {
      if (plane.isPurged(part.uid)) continue
      if (plane.knows(part.uid)) throw malformed(`collection ${part.uid} has no shard ${part.shard}`)
      throw new UnknownCollection()
    }
    if (changes.some(({ change }) => change.store === store)) throw malformed('a transaction names a document twice')
    const parsed = parseLaneUpdate(part.update)
    if (parsed.sections.some(({ structs }) => structs.some(({ kind }) => kind === 'removed')))
      throw malformed('a transaction with blocks that are gone')
    // Those who purged it leave it out of what they send: of a dropped collection, gaps are nothing to worry about.
    if (plane.isDropped(part.uid) && !continues(parsed, stage.ends(store))) continue
    const checked = checkLaneUpdate(parsed, origin, stage.ends(store))
    for (const struct of checked.fresh)
      if (struct.kind === 'block' && struct.block.seq !== seq)
        throw malformed(`block of transaction ${struct.block.seq} in transaction ${seq}`)
    changes.push({
      change: { store, fresh: checked.fresh, removed: checked.removed },
      blocks: compactRanges(parsed.sections.flatMap(blocksOf)),
    })
  }
  return { changes, catalog }
}

const continues = (parsed: LaneUpdate, ends: LaneEnds): boolean =>
  parsed.sections.every(({ client, clock }) => clock <= ends.nextClock(client)) &&
  parsed.removed.every(
    ({ client, clock, length }) => clock + length <= Math.max(ends.nextClock(client), endOf(parsed, client)),
  )

const endOf = (parsed: LaneUpdate, client: number): number => {
  const section = parsed.sections.find((each) => each.client === client)
  return section === undefined ? 0 : section.clock + section.structs.length
}

const blocksOf = ({ client, clock, structs }: UpdateSection): ClockRange[] => {
  let at = clock
  return structs.flatMap((struct) => {
    const length = struct.kind === 'block' ? 1 : struct.length
    at += length
    return struct.kind === 'block' ? [{ client, clock: at - length, length }] : []
  })
}
