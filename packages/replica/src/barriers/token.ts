import { crc32 } from 'node:zlib'
import { ByteReader, ByteWriter, hash32, type ReplicaId, StoreError, VersionVector } from '@meridian/core'

const VERSION = 1
/** Far above any honest token: 255 origins of at most 12 bytes. */
const TEXT_MAX = 4500
const MARK_MAX = 0xffffff

/** What a replica knows of itself and others when it reads a token. */
export interface TokenContext {
  readonly self: ReplicaId
  /** What this replica has written itself. */
  readonly own: number
  /** Name of the data directory of each known replica, this one included. */
  storeOf(replica: ReplicaId): string | undefined
  /** Known replicas beside this one. */
  readonly others: number
}

/**
 * Opaque base64url text of a version vector: version, then by origin its number, seq and a 24-bit mark of its data directory,
 * then a CRC-32; 44 characters for three regions at most 2^35 writes each. The mark takes the place of a cluster's name, which
 * no replica could choose alone: replica 1 of another cluster has another data directory.
 */
export const formatToken = (vector: VersionVector, storeOf: TokenContext['storeOf']): string => {
  const out = new ByteWriter(64)
  const entries = vector.entries()
  out.u8(VERSION).varuint(entries.length)
  for (const [replica, seq] of entries) {
    const mark = markOf(storeOf(replica))
    out
      .u8(replica)
      .varuint(seq)
      .u8(mark >>> 16)
      .u16(mark & 0xffff)
  }
  const body = out.finish()
  const sealed = new ByteWriter(body.length + 4).raw(body).u32(crc32(body)).finish()
  return Buffer.from(sealed).toString('base64url')
}

/** @throws StoreError `BAD_REQUEST`: damaged, of another cluster, or of a future that cannot be. */
export const parseToken = (text: string, context: TokenContext): VersionVector => {
  const entries = decode(text)
  for (const { replica, mark } of entries) {
    const known = context.storeOf(replica)
    if (known !== undefined && mark !== 0 && markOf(known) !== mark) throw foreign(replica)
  }
  if (
    context.others > 0 &&
    entries.length > 0 &&
    entries.every(({ replica }) => context.storeOf(replica) === undefined)
  )
    throw foreign(entries[0]!.replica)
  const own = entries.find(({ replica }) => replica === context.self)
  if (own !== undefined && own.seq > context.own)
    throw refused(`it names write ${own.seq} of this region, which has made ${context.own}`)
  return VersionVector.of(entries.map(({ replica, seq }) => [replica, seq] as const))
}

interface Origin {
  readonly replica: ReplicaId
  readonly seq: number
  readonly mark: number
}

const decode = (text: string): Origin[] => {
  if (text.length > TEXT_MAX || !/^[\w-]+$/.test(text)) throw damaged()
  const bytes = Buffer.from(text, 'base64url')
  // One token, one text: what is left over in the last character must be zero.
  if (bytes.length < 6 || bytes.toString('base64url') !== text) throw damaged()
  const body = bytes.subarray(0, bytes.length - 4)
  if (crc32(body) !== bytes.readUInt32BE(body.length)) throw damaged()
  try {
    const input = new ByteReader(body)
    const version = input.u8()
    if (version !== VERSION) throw refused(`version ${version} is not known here`)
    const origins: Origin[] = []
    let last = 0
    for (let left = input.varuint(255); left > 0; left--) {
      const replica = input.u8()
      const seq = input.varuint()
      if (replica <= last || seq === 0) throw damaged()
      origins.push({ replica: replica as ReplicaId, seq, mark: input.u8() * 0x10000 + input.u16() })
      last = replica
    }
    input.end()
    return origins
  } catch (error) {
    if (error instanceof StoreError && error.code === 'DECODE_FAILED') throw damaged()
    throw error
  }
}

/** 0 stands for a replica whose data directory is not known; it is compared with nothing. */
const markOf = (store: string | undefined): number => (store === undefined ? 0 : (hash32(store) % MARK_MAX) + 1)

const refused = (why: string): StoreError => new StoreError('BAD_REQUEST', `meridian-token: ${why}`)
const damaged = (): StoreError => refused('it is damaged; send it as it was received')
const foreign = (replica: ReplicaId): StoreError =>
  refused(`it is of another cluster: its replica ${replica} is not ours`)
