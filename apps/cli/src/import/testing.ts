import type { Row } from './row.js'

/** The bytes in pieces of `size`, as a file stream would bring them. */
export async function* inChunks(bytes: Uint8Array, size = bytes.length): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

export const textBytes = (text: string): Uint8Array => new TextEncoder().encode(text)

export const all = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}

export const vectorsOf = (rows: readonly Row[]): unknown[] =>
  rows.map((row) => (row.kind === 'point' ? Array.from(row.vector as Float32Array) : row.kind))

/** An .fvecs file. */
export const fvecsFile = (vectors: readonly (readonly number[])[]): Uint8Array =>
  Buffer.concat(
    vectors.map((vector) => {
      const bytes = Buffer.alloc(4 + 4 * vector.length)
      bytes.writeInt32LE(vector.length, 0)
      for (const [i, value] of vector.entries()) bytes.writeFloatLE(value, 4 + 4 * i)
      return bytes
    }),
  )

/** A .npy file as numpy writes it: the header padded to 64 bytes. */
export const npyFile = (descr: string, shape: string, data: Uint8Array, major = 1, order = 'False'): Uint8Array => {
  const start = major === 1 ? 10 : 12
  const dict = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': (${shape}), }`
  const length = Math.ceil((start + dict.length + 1) / 64) * 64 - start
  const head = Buffer.alloc(start)
  head.write('\x93NUMPY', 0, 'latin1')
  head[6] = major
  if (major === 1) head.writeUInt16LE(length, 8)
  else head.writeUInt32LE(length, 8)
  return Buffer.concat([head, Buffer.from(`${dict.padEnd(length - 1)}\n`), data])
}
