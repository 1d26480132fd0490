import { type Datatype, fromHalf, rounded, toHalf, type VectorParams } from '@meridian/core'
import { ENGINE, type PackedShape } from './graph.js'

/** How the numbers of vectors lie in memory: as the datatype of their space has them, where the addon can compare such, else whole. */
export type NumberForm = 'float32' | Datatype

/** Vectors in one of the forms, one behind the other: floats, the bits of halves, or integers from 0 to 255. */
export type Numbers = Float32Array | Uint16Array | Uint8Array

/** A graph of integers takes no longer vectors: sums of squares fit 32 bits. */
const BYTES_MAX = 65_536

export const formOf = ({ datatype, size }: VectorParams): NumberForm =>
  datatype === undefined || !ENGINE.hasPacked || size > BYTES_MAX ? 'float32' : datatype

/** Of a number. */
export const formBytes = (form: NumberForm): number => (form === 'float32' ? 4 : form === 'float16' ? 2 : 1)

/** Of the root and the sum of squares, behind a vector that is compared by its direction. */
const LENGTHS_BYTES = 16

/** Of a vector in a packed graph, of so many numbers beside those that stay floats. */
export const packedBytes = ({ numbers, floats, isDirected }: PackedShape, count: number): number =>
  Math.ceil((count * formBytes(numbers)) / 4) * 4 + floats * 4 + (isDirected ? LENGTHS_BYTES : 0)

/** Room for so many numbers. */
export const roomFor = (form: NumberForm, count: number): Numbers =>
  form === 'float32' ? new Float32Array(count) : form === 'float16' ? new Uint16Array(count) : new Uint8Array(count)

/** Whether the form has these finite numbers as they are; what other regions send may be any. */
export const holds = (form: NumberForm, vector: Float32Array): boolean =>
  form === 'float32' || rounded(form, vector) === vector

/** Writes numbers that the form `holds`, from `at` on. */
export const writeNumbers = (vector: Float32Array, into: Numbers, at: number): void => {
  if (into instanceof Uint16Array) for (let i = 0; i < vector.length; i++) into[at + i] = toHalf(vector[i]!)
  else into.set(vector, at)
}

let halves: Float32Array | undefined
/** By its bits: 256 KiB, made when the first is read. */
const table = (): Float32Array => (halves ??= Float32Array.from({ length: 65536 }, (_, half) => fromHalf(half)))

/**
 * Reads as many as there is room for, from `at` on. Nothing is allocated: short-lived arrays between the links of a graph that is being
 * built would leave holes that the system does not get back.
 */
export const readNumbers = (from: Numbers, at: number, into: Float32Array): void => {
  if (from instanceof Uint16Array) {
    const ofHalf = table()
    for (let i = 0; i < into.length; i++) into[i] = ofHalf[from[at + i]!]!
  } else into.set(from.subarray(at, at + into.length))
}
