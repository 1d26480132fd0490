import {
  type ByteReader,
  type ByteWriter,
  type CollectionUid,
  malformed,
  parseCollectionUid,
  type ReplicaId,
  SHARDS_MAX,
  StoreError,
} from '@meridian/core'

/** Documents that one message tells of, and entries of any other list in it. */
export const LIST_MAX = 1_000_000
/** Bytes of a name or a reason. */
export const TEXT_MAX = 4096

/** The document of one shard, of one incarnation of a collection. */
export interface DocName {
  readonly uid: CollectionUid
  readonly shard: number
}

export const writeUid = (out: ByteWriter, uid: CollectionUid): void => {
  out.raw(Buffer.from(uid, 'hex'))
}

export const readUid = (input: ByteReader): CollectionUid =>
  sound(() => parseCollectionUid(Buffer.from(input.raw(8)).toString('hex')))

export const writeDocName = (out: ByteWriter, { uid, shard }: DocName): void => {
  writeUid(out, uid)
  out.varuint(shard)
}

export const readDocName = (input: ByteReader): DocName => ({
  uid: readUid(input),
  shard: input.varuint(SHARDS_MAX - 1),
})

export const readReplica = (input: ByteReader): ReplicaId => {
  const replica = input.u8()
  if (replica === 0) throw malformed('replica 0')
  return replica as ReplicaId
}

/** A number that counts from 1: of a transaction, or of a frame of a transfer. */
export const readSeq = (input: ByteReader): number => {
  const seq = input.varuint()
  if (seq === 0) throw malformed('seq 0')
  return seq
}

export const readFlag = (input: ByteReader): boolean => {
  const flag = input.u8()
  if (flag > 1) throw malformed(`flag ${flag}`)
  return flag === 1
}

/** For parsers of text that others use too: what they refuse is a malformed frame here. */
export const sound = <T>(parse: () => T): T => {
  try {
    return parse()
  } catch (error) {
    if (error instanceof StoreError) throw malformed(error.message)
    throw error
  }
}
