import { crc32 } from 'node:zlib'
import { StoreError } from '@meridian/core'

const CHECKSUM_BYTES = 4

/** What is stored for `value`: its CRC-32, big-endian, then its bytes. A copy, so the caller may reuse its buffer. */
export const sealValue = (value: Uint8Array): Uint8Array => sealValues([value])[0]!

/** As `sealValue`, of many: all in one piece of memory, which costs less than one for each. */
export const sealValues = (values: readonly Uint8Array[]): Uint8Array[] => {
  const size = values.reduce((sum, { length }) => sum + CHECKSUM_BYTES + length, 0)
  // Every byte is written below.
  const { buffer, byteOffset } = Buffer.allocUnsafeSlow(size)
  const view = new DataView(buffer, byteOffset, size)
  let at = 0
  return values.map((value) => {
    const sealed = new Uint8Array(buffer, byteOffset + at, CHECKSUM_BYTES + value.length)
    view.setUint32(at, crc32(value))
    sealed.set(value, CHECKSUM_BYTES)
    at += sealed.length
    return sealed
  })
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
