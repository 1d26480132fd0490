import { crc32 } from 'node:zlib'
import { StoreError } from '@meridian/core'

const CHECKSUM_BYTES = 4

/** What is stored for `value`: its CRC-32, big-endian, then its bytes. A copy, so the caller may reuse its buffer. */
export const sealValue = (value: Uint8Array): Uint8Array => {
  const sealed = new Uint8Array(CHECKSUM_BYTES + value.length)
  new DataView(sealed.buffer).setUint32(0, crc32(value))
  sealed.set(value, CHECKSUM_BYTES)
  return sealed
}

/** The value, as a view on `sealed`. @throws StoreError `STORAGE_CORRUPT`, naming `key`. */
export const openValue = (key: string, sealed: Uint8Array): Uint8Array => {
  if (sealed.length < CHECKSUM_BYTES) throw corrupt(key, `${sealed.length} bytes are too few for a checksum`)
  const view = new DataView(sealed.buffer, sealed.byteOffset, CHECKSUM_BYTES)
  const value = new Uint8Array(sealed.buffer, sealed.byteOffset + CHECKSUM_BYTES, sealed.length - CHECKSUM_BYTES)
  if (crc32(value) !== view.getUint32(0)) throw corrupt(key, 'the checksum does not match')
  return value
}

const corrupt = (key: string, why: string): StoreError =>
  new StoreError('STORAGE_CORRUPT', `stored value of ${JSON.stringify(key)} is damaged: ${why}`)
