import { crc32 } from 'node:zlib'
import { type ByteWriter, malformed } from './bytes.js'

/** Frames above this are refused unread. It must hold the largest transaction. */
export const FRAME_BYTES_MAX = 16 * 1024 * 1024

/** Bytes of the checksum at the end of a frame. */
export const FRAME_CHECKSUM_BYTES = 4

/** Appends the CRC-32, big-endian, of all that was written: the frame, as a view on the writer's memory, which is done with. */
export const sealFrame = (body: ByteWriter): Uint8Array => body.u32(crc32(body.peek())).peek()

/** The body, as a view. @throws StoreError `DECODE_FAILED` if the checksum does not match. */
export const openFrame = (frame: Uint8Array): Uint8Array => {
  if (frame.length <= FRAME_CHECKSUM_BYTES) throw malformed('frame shorter than a checksum and a type')
  const body = frame.subarray(0, frame.length - FRAME_CHECKSUM_BYTES)
  const sum = new DataView(frame.buffer, frame.byteOffset + body.length, FRAME_CHECKSUM_BYTES).getUint32(0)
  if (crc32(body) !== sum) throw malformed('frame checksum does not match')
  return body
}
