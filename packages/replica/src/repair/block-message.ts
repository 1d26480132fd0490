import { type ByteReader, type ByteWriter, malformed, VersionVector } from '@meridian/core'
import { CLOCK_MAX } from '@meridian/shard'
import { type DocName, readDocName, writeDocName } from '../messages/fields.js'

/** Of one block, the same in every replica. */
export interface BlockName extends DocName {
  readonly client: number
  readonly clock: number
}

/** Numbered as on the wire. `unknown`: the sender has not got it, or cannot read it either. */
const BLOCK_IS = ['unknown', 'here', 'removed'] as const

/** How the bytes of one block are fetched whose row is damaged at the asker. */
export type BlockMessage =
  | ({ readonly type: 'fetch' } & BlockName)
  | ({
      readonly type: 'block'
      readonly is: (typeof BLOCK_IS)[number]
      /** What the sender held: with `removed`, the removal is covered by it. */
      readonly durable: VersionVector
      /** Empty unless `here`. */
      readonly bytes: Uint8Array
    } & BlockName)

/** Everything after the type byte. */
export const writeBlockMessage = (out: ByteWriter, message: BlockMessage): void => {
  writeDocName(out, message)
  out.u32(message.client).varuint(message.clock)
  if (message.type === 'fetch') return
  out.u8(BLOCK_IS.indexOf(message.is))
  message.durable.write(out)
  out.bytes(message.bytes)
}

/** @throws StoreError `DECODE_FAILED`. */
export const readBlockMessage = (type: BlockMessage['type'], input: ByteReader): BlockMessage => {
  const name = { ...readDocName(input), client: input.u32(), clock: input.varuint(CLOCK_MAX) }
  if (type === 'fetch') return { type, ...name }
  const is = BLOCK_IS[input.u8()]
  if (is === undefined) throw malformed('state of a block')
  const durable = VersionVector.read(input)
  const bytes = input.bytes()
  if (bytes.length > 0 !== (is === 'here')) throw malformed('bytes of a block that is not here')
  return { type, ...name, is, durable, bytes }
}
