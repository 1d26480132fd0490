import { crc32 } from 'node:zlib'
import { malformed } from './bytes.js'

/** Frames above this are refused unread. It must hold the largest transaction. */
export const FRAME_BYTES_MAX = 16 * 1024 * 1024

/** Appends the CRC-32 of `body`, big-endian. */
export const sealFrame = (body: Uint8Array): Uint8Array => {
  const frame = new Uint8Array(body.length + 4)
  frame.set(body)
  new DataView(frame.buffer).setUint32(body.length, crc32(body))
  return frame
}

/** The body, as a view. @throws StoreError `DECODE_FAILED` if the checksum does not match. */
export const openFrame = (frame: Uint8Array): Uint8Array => {
  if (frame.length < 5) throw malformed('frame shorter than a checksum and a type')
  const body = frame.subarray(0, frame.length - 4)
  const sum = new DataView(frame.buffer, frame.byteOffset + body.length, 4).getUint32(0)
  if (crc32(body) !== sum) throw malformed('frame checksum does not match')
  return body
}
