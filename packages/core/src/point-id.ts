import type { ByteReader, ByteWriter } from './bytes.js'
import { malformed } from './bytes.js'
import { hash32 } from './hash.js'

/**
 * Id of a point. Unsigned integers are a `number` up to 2^53 - 1 and a `bigint` from there to 2^64 - 1, so one id has one
 * form and can key a `Map`. UUIDs are lower-case and hyphenated. Other strings (1-256 bytes of UTF-8) are our extension.
 */
export type PointId = number | bigint | string

export const ID_TEXT_BYTES_MAX = 256
const U64_MAX = 0xffffffffffffffffn

/** The canonical form of an unsigned 64-bit integer; `undefined` if out of range. */
export const integerId = (value: number | bigint): PointId | undefined => {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? value || 0 : undefined
  if (value < 0n || value > U64_MAX) return undefined
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** The canonical form of a UUID written hyphenated, simple (32 hex digits) or as a urn; `undefined` if it is none. */
export const uuidId = (text: string): string | undefined => {
  const lower = text.toLowerCase()
  const bare = lower.startsWith('urn:uuid:') ? lower.slice(9) : lower
  if (UUID.test(bare)) return bare
  if (!/^[0-9a-f]{32}$/.test(bare) || bare !== lower) return undefined
  return `${bare.slice(0, 8)}-${bare.slice(8, 12)}-${bare.slice(12, 16)}-${bare.slice(16, 20)}-${bare.slice(20)}`
}

const isUuid = (text: string): boolean => text.length === 36 && UUID.test(text)
const rank = (id: PointId): number => (typeof id !== 'string' ? 0 : isUuid(id) ? 1 : 2)

/** Order of scrolling and of ties: integers ascending, then UUIDs, then other strings by UTF-16 unit. */
export const compareIds = (a: PointId, b: PointId): number => {
  const ranks = rank(a) - rank(b)
  if (ranks !== 0) return ranks
  return a < b ? -1 : a > b ? 1 : 0
}

export const formatId = (id: PointId): string => String(id)

const INTEGER = 0
const UUID_TAG = 1
const TEXT = 2

export const writeId = (out: ByteWriter, id: PointId): void => {
  if (typeof id === 'number') out.u8(INTEGER).varuint(id)
  else if (typeof id === 'bigint') out.u8(INTEGER + 8).u64(id)
  else if (isUuid(id)) out.u8(UUID_TAG).raw(Buffer.from(id.replaceAll('-', ''), 'hex'))
  else out.u8(TEXT).text(id)
}

export const readId = (input: ByteReader): PointId => {
  const tag = input.u8()
  switch (tag) {
    case INTEGER:
      return input.varuint()
    case INTEGER + 8: {
      const value = input.u64()
      if (value <= BigInt(Number.MAX_SAFE_INTEGER)) throw malformed('small id in the wide form')
      return value
    }
    case UUID_TAG: {
      const hex = Buffer.from(input.raw(16)).toString('hex')
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
    }
    case TEXT: {
      const text = input.text(ID_TEXT_BYTES_MAX)
      if (text.length === 0 || isUuid(text)) throw malformed('text id is empty or a uuid')
      return text
    }
    default:
      throw malformed(`id tag ${tag}`)
  }
}

/** Stable over versions: it names the shard, so changing it moves data. */
export const hashId = (id: PointId): number => hash32(typeof id === 'string' ? id : `#${id}`)

/** 0 to `shardCount - 1`. */
export const shardOf = (id: PointId, shardCount: number): number => hashId(id) % shardCount
