import { createHash } from 'node:crypto'
import { ByteReader, malformed, StoreError } from '@meridian/core'
import { checkColumns } from './change-columns.js'
import { readSigned } from './signed.js'

/*
 * One Automerge change chunk (https://automerge.org/automerge-binary-format-spec; v = LEB128, s = signed LEB128):
 *
 *   85 6f 4a 83 · first 4 bytes of the hash · type u8 (1 = change) · v length · body
 *   body: deps (v count, 32 bytes each) · actor (v length, bytes) · v seq · v start op · s time · message (v length, UTF-8)
 *         · other actors (v count, each v length, bytes) · columns (v count, each v spec, v length) · column data · rest
 *
 * The hash is the SHA-256 of type, length and body.
 */
const MAGIC = 0x856f4a83
const TYPE_CHANGE = 1

/** A longer change is refused. A collection takes a few hundred bytes. */
export const CHANGE_BYTES_MAX = 1024 * 1024
const DEPS_MAX = 1024
const ACTORS_MAX = 1024
const ACTOR_BYTES_MAX = 64
// Automerge counts operations in 32 bits.
const OP_MAX = 2 ** 31

/** What a change says of itself, and its bytes. */
export interface Change {
  /** 64 hex digits. */
  readonly hash: string
  readonly bytes: Uint8Array
  readonly actor: string
  /** Numbers the actor's changes from 1. */
  readonly seq: number
  readonly startOp: number
  /** The number of its last operation; `startOp - 1` when it has none. */
  readonly endOp: number
  /** Seconds since 1970, as its author told. */
  readonly timeS: number
  readonly message: string
  readonly deps: readonly string[]
}

/**
 * Reads one change from bytes that may be hostile. What passes is bounded in every dimension: run-length columns are counted
 * before Automerge unrolls them, and compressed chunks are refused, since both could turn a few bytes into gigabytes.
 * @throws StoreError `DECODE_FAILED`.
 */
export const parseChange = (bytes: Uint8Array): Change => {
  const input = new ByteReader(bytes)
  const change = readChange(input)
  input.end()
  return change
}

/**
 * Splits changes that stand one after another, as `Catalog.save` writes them.
 * @throws StoreError `DECODE_FAILED`.
 */
export const parseChanges = (bytes: Uint8Array): Change[] => {
  const input = new ByteReader(bytes)
  const changes: Change[] = []
  while (input.remaining > 0) changes.push(readChange(input))
  return changes
}

const readChange = (input: ByteReader): Change => {
  const start = input.offset
  if (input.u32() !== MAGIC) throw malformed('not an Automerge chunk')
  const checksum = input.u32()
  const hashedFrom = input.offset
  const type = input.u8()
  if (type !== TYPE_CHANGE) throw malformed(`chunk type ${type} is not a plain change`)
  const body = new ByteReader(input.bytes(CHANGE_BYTES_MAX))
  const bytes = input.source.slice(start, input.offset)
  if (bytes.length > CHANGE_BYTES_MAX) throw malformed(`change above ${CHANGE_BYTES_MAX} bytes`)
  const hash = createHash('sha256').update(input.source.subarray(hashedFrom, input.offset)).digest()
  if (hash.readUInt32BE(0) !== checksum) throw malformed('change checksum does not match')
  return { hash: hash.toString('hex'), bytes, ...readBody(body) }
}

const readBody = (body: ByteReader): Omit<Change, 'hash' | 'bytes'> => {
  const deps: string[] = []
  for (let left = body.varuint(DEPS_MAX); left > 0; left--) deps.push(hex(body.raw(32)))
  const actor = hex(body.bytes(ACTOR_BYTES_MAX))
  const seq = body.varuint(OP_MAX)
  const startOp = body.varuint(OP_MAX)
  const timeS = readSigned(body)
  const message = body.text()
  if (actor === '' || seq === 0 || startOp === 0) throw malformed('change without actor or number')
  for (let left = body.varuint(ACTORS_MAX); left > 0; left--) body.bytes(ACTOR_BYTES_MAX)
  const { ops, rootOps } = checkColumns(body)
  if (rootOps > 0 && deps.length > 0) throw malformed('change writes the root of the catalog')
  return { actor, seq, startOp, endOp: startOp + ops - 1, timeS, message, deps }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')

/** For a change that cannot be what its author's honest replica made. */
export const impossible = (change: Pick<Change, 'actor' | 'seq'>, why: string): StoreError =>
  new StoreError('DECODE_FAILED', `change ${change.seq} of ${change.actor} is refused: ${why}`)
