import { type RecordOp, vectorBytes } from '@meridian/core'

/** Rough heap bytes of parsed JSON. */
export const estimateBytes = (value: unknown): number => {
  if (typeof value === 'string') return 24 + value.length * 2
  if (Array.isArray(value)) return value.reduce((sum: number, item) => sum + estimateBytes(item), 32)
  if (value !== null && typeof value === 'object')
    return Object.entries(value).reduce((sum, [key, item]) => sum + 24 + key.length + estimateBytes(item), 48)
  return 8
}

/** Rough heap bytes of a write that waits. */
export const estimateOpBytes = (op: RecordOp): number => {
  if (op.kind === 'delete') return 100
  let bytes = 200 + estimateBytes(op.kind === 'put' ? op.payload : op.set)
  for (const vector of op.vectors.values()) bytes += vectorBytes(vector)
  return bytes
}
