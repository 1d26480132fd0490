import type { JsonObject } from '@meridian/client'

/** numpy's names: little-endian floats of 2, 4 and 8 bytes, and unsigned bytes. */
export type ElementType = '<f2' | '<f4' | '<f8' | '|u1'
export const ELEMENT_BYTES: Readonly<Record<ElementType, number>> = { '<f2': 2, '<f4': 4, '<f8': 8, '|u1': 1 }

type Decoded =
  | {
      readonly kind: 'point'
      readonly id: undefined
      readonly vector: Float32Array
      readonly payload: JsonObject | undefined
    }
  | { readonly kind: 'bad'; readonly reason: string }

/** Packed elements as 32-bit floats; one that is not a finite 32-bit float makes the row bad. Copies. */
export const decodeElements = (bytes: Uint8Array, type: ElementType): Decoded => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const vector = new Float32Array(bytes.length / ELEMENT_BYTES[type])
  for (let i = 0; i < vector.length; i++) {
    vector[i] = read(view, i, type)
    if (!Number.isFinite(vector[i])) return { kind: 'bad', reason: `element ${i} is not a finite 32-bit number` }
  }
  return { kind: 'point', id: undefined, vector, payload: undefined }
}

const read = (view: DataView, i: number, type: ElementType): number => {
  switch (type) {
    case '<f2':
      return halfToNumber(view.getUint16(i * 2, true))
    case '<f4':
      return view.getFloat32(i * 4, true)
    case '<f8':
      return view.getFloat64(i * 8, true)
    case '|u1':
      return view.getUint8(i)
  }
}

/** IEEE 754 half precision. */
export const halfToNumber = (bits: number): number => {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}
