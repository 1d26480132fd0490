import {
  type ByteReader,
  type ByteWriter,
  DIGEST_LEAVES,
  malformed,
  type PointId,
  readId,
  VersionVector,
  writeId,
} from '@meridian/core'
import { type DocName, readDocName, writeDocName } from '../messages/fields.js'

/** Shards of one `digests`. */
export const DIGESTS_MAX = 1024
/** Records of one `states`, and ids of one `differ`. */
export const STATES_MAX = 4096
const HASH_BYTES = 8

/** One shard of a visible collection, which goes by its eldest incarnation. */
export type ShardName = DocName

/** What anti-entropy says. All but `differ` hold at one vector of their sender. Digests and hashes are 16 hex digits; `leaves` are 8 bytes each. */
export type DigestMessage =
  | {
      readonly type: 'digests'
      readonly isAnswer: boolean
      readonly vector: VersionVector
      readonly shards: readonly (ShardName & { readonly digest: string })[]
    }
  | ({ readonly type: 'leaves'; readonly vector: VersionVector; readonly leaves: Uint8Array } & ShardName)
  | ({
      readonly type: 'states'
      readonly vector: VersionVector
      /** The leaves that are listed whole. */
      readonly leaves: readonly number[]
      readonly records: readonly { readonly id: PointId; readonly hash: string }[]
    } & ShardName)
  | ({ readonly type: 'differ'; readonly ids: readonly PointId[] } & ShardName)

/** Everything after the type byte. */
export const writeDigestMessage = (out: ByteWriter, message: DigestMessage): void => {
  if (message.type === 'digests') {
    out.u8(message.isAnswer ? 1 : 0)
    message.vector.write(out)
    out.varuint(message.shards.length)
    for (const each of message.shards) {
      writeDocName(out, each)
      writeHash(out, each.digest)
    }
    return
  }
  writeDocName(out, message)
  if (message.type === 'differ') {
    out.varuint(message.ids.length)
    for (const id of message.ids) writeId(out, id)
    return
  }
  message.vector.write(out)
  if (message.type === 'leaves') {
    out.raw(message.leaves)
    return
  }
  out.varuint(message.leaves.length)
  for (const leaf of message.leaves) out.varuint(leaf)
  out.varuint(message.records.length)
  for (const { id, hash } of message.records) {
    writeId(out, id)
    writeHash(out, hash)
  }
}

/** @throws StoreError `DECODE_FAILED`. */
export const readDigestMessage = (type: DigestMessage['type'], input: ByteReader): DigestMessage => {
  if (type === 'digests') {
    const flag = input.u8()
    if (flag > 1) throw malformed(`flag ${flag}`)
    const vector = VersionVector.read(input)
    const shards = list(input, DIGESTS_MAX, () => ({ ...readDocName(input), digest: readHash(input) }))
    return { type, isAnswer: flag === 1, vector, shards }
  }
  const name = readDocName(input)
  if (type === 'differ') return { type, ...name, ids: list(input, STATES_MAX, () => readId(input)) }
  const vector = VersionVector.read(input)
  if (type === 'leaves') return { type, ...name, vector, leaves: input.raw(DIGEST_LEAVES * HASH_BYTES) }
  const leaves = list(input, DIGEST_LEAVES, () => input.varuint(DIGEST_LEAVES - 1))
  const records = list(input, STATES_MAX, () => ({ id: readId(input), hash: readHash(input) }))
  return { type, ...name, vector, leaves, records }
}

const list = <T>(input: ByteReader, max: number, read: () => T): T[] => {
  const found: T[] = []
  for (let left = input.varuint(max); left > 0; left--) found.push(read())
  return found
}

const writeHash = (out: ByteWriter, hash: string): void => {
  out.raw(Buffer.from(hash, 'hex'))
}

const readHash = (input: ByteReader): string => Buffer.from(input.raw(HASH_BYTES)).toString('hex')
