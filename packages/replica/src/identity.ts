import {
  BOOT_MAX,
  ByteReader,
  ByteWriter,
  malformed,
  type Random,
  type RegionId,
  type ReplicaId,
  type Storage,
  type StorageOp,
  StoreError,
} from '@meridian/core'
import type { Stage } from './stage.js'

/** Who this data directory is. `boot` names the lane incarnation: rule [RP2] of the spec. */
export interface Identity {
  readonly region: RegionId
  readonly replica: ReplicaId
  /** 16 hex digits drawn when the data directory was made. */
  readonly storeId: string
  /** 1 to 2^24 - 1. Advances at every start that does not follow a marked clean stop. */
  readonly boot: number
}

const KEY = 'meta/identity'
const FENCE_KEY = 'meta/fenced'

/**
 * Reads or makes the identity and gives the operations that claim it. They must be durable before the identity writes
 * anything: a boot whose number was lost would hand out Yjs clocks a second time, and replicas would differ for ever.
 * @throws StoreError `IDENTITY_CONFLICT` if the directory belongs to another region or replica number.
 */
export const claimIdentity = (
  storage: Storage,
  random: Random,
  region: RegionId,
  replica: ReplicaId,
): { identity: Identity; ops: StorageOp[] } => {
  const stored = storage.get(KEY)
  if (stored === undefined) {
    const storeId = [random.uint32(), random.uint32()].map((word) => word.toString(16).padStart(8, '0')).join('')
    const identity = { region, replica, storeId, boot: 1 }
    return { identity, ops: [put(identity, false)] }
  }
  const { identity, clean } = decodeIdentity(stored)
  if (identity.region !== region || identity.replica !== replica)
    throw new StoreError(
      'IDENTITY_CONFLICT',
      `the data directory belongs to region ${identity.region} (replica ${identity.replica}), not to ${region} (replica ${replica}): use its own region name or another directory`,
    )
  const boot = clean ? identity.boot : identity.boot + 1
  if (boot > BOOT_MAX)
    throw new StoreError('IDENTITY_CONFLICT', 'the boot counter of this replica is used up: join as a new replica')
  const next = { ...identity, boot }
  return { identity: next, ops: [put(next, false)] }
}

/** Why this directory must never write again: its history was found to be older than what others have of it. */
export const readFence = (storage: Storage): string | undefined => {
  const stored = storage.get(FENCE_KEY)
  return stored === undefined ? undefined : new ByteReader(stored).text()
}

export const stageFence = (stage: Stage, reason: string): void =>
  stage.put(FENCE_KEY, new ByteWriter(256).text(reason).finish())

/** The mark of a clean stop: nothing may be written after it. */
export const markClean = (identity: Identity): StorageOp => put(identity, true)

const put = (identity: Identity, clean: boolean): StorageOp => ({
  type: 'put',
  key: KEY,
  value: encodeIdentity(identity, clean),
})

export const encodeIdentity = (identity: Identity, clean: boolean): Uint8Array => {
  const out = new ByteWriter(64)
  out
    .u8(1)
    .u8(clean ? 1 : 0)
    .text(identity.region)
    .u8(identity.replica)
    .text(identity.storeId)
    .u32(identity.boot)
  return out.finish()
}

/** @throws StoreError `IDENTITY_CONFLICT` for another format, `DECODE_FAILED` for damaged bytes. */
export const decodeIdentity = (bytes: Uint8Array): { identity: Identity; clean: boolean } => {
  const input = new ByteReader(bytes)
  const format = input.u8()
  if (format !== 1)
    throw new StoreError('IDENTITY_CONFLICT', `the data directory has identity format ${format}; this version reads 1`)
  const clean = input.u8()
  if (clean > 1) throw malformed(`clean mark ${clean}`)
  const identity: Identity = {
    region: input.text() as RegionId,
    replica: input.u8() as ReplicaId,
    storeId: input.text(),
    boot: input.u32(),
  }
  input.end()
  return { identity, clean: clean === 1 }
}
