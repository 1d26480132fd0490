/*
 * The first byte of a struct in a Yjs update (version 1): what it is in the low bits, and what is said of its place.
 */

export const REF_DELETED = 1
export const REF_BINARY = 3
export const REF_MASK = 0x1f
export const HAS_PARENT_SUB = 0x20
export const HAS_RIGHT_ORIGIN = 0x40
export const HAS_ORIGIN = 0x80
