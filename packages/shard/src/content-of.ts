import { decodeBlock, decodeEntryHead, type ReplicaId } from '@meridian/core'
import type { BlockRef, BlockRow } from './block-table.js'

/** A block in a lane that has content of some id. */
export interface ContentBlock {
  readonly ref: BlockRef
  readonly origin: ReplicaId
  readonly seq: number
}

/** Whether a block says of the id in `slot` what it was or is: by a put or a patch, superseded ones too, and not by deletes alone. */
export const hasContent = ({ slots }: Pick<BlockRow, 'slots'>, slot: number, bytes: () => Uint8Array): boolean => {
  if (!slots.includes(slot)) return false
  return decodeBlock(bytes()).entries.some((entry, i) => slots[i] === slot && decodeEntryHead(entry).kind !== 'delete')
}
