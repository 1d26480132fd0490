import { type ByteReader, malformed } from '@meridian/core'

/**
 * Signed LEB128 within the safe integers.
 * @throws StoreError `DECODE_FAILED`.
 */
export const readSigned = (input: ByteReader): number => {
  let value = 0
  let scale = 1
  for (;;) {
    const byte = input.u8()
    value += (byte & 0x7f) * scale
    scale *= 0x80
    if (scale > 2 ** 56) throw malformed('signed integer is too long')
    if (byte < 0x80) {
      const signed = byte >= 0x40 ? value - scale : value
      if (!Number.isSafeInteger(signed)) throw malformed('signed integer is too large')
      return signed
    }
  }
}
