import { createHash } from 'node:crypto'

/**
 * The id of the copy that `{"keep": "both"}` makes of a conflict's loser: a UUID (version 8, RFC 9562) that is the same whenever and
 * wherever it is asked for, so that a decision which is sent again makes no second copy.
 */
export const copyIdOf = (conflict: string): string => {
  const bytes = createHash('sha256').update(`meridian conflict copy ${conflict}`).digest().subarray(0, 16)
  bytes[6] = 0x80 | (bytes[6]! & 0x0f)
  bytes[8] = 0x80 | (bytes[8]! & 0x3f)
  const hex = bytes.toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
