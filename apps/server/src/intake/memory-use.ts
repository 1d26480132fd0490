import { readFileSync } from 'node:fs'
import { totalmem } from 'node:os'

/** Of what the machine, or the container that the process is in, has. */
const SHARE_DEFAULT = 0.85

/** Bytes that this process may take unless told otherwise. */
export const memoryMaxDefault = (limit = process.constrainedMemory(), total = totalmem()): number =>
  Math.floor((limit > 0 && limit < total ? limit : total) * SHARE_DEFAULT)

/**
 * Bytes of memory that this process cannot give back. Pages of mapped files (the data file's, which are most of them) are not
 * counted where the system tells them apart: it drops them when it needs room.
 */
export const memoryUsed = (status = readStatus()): number => {
  const kib = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status ?? '')?.[1] ?? Number.NaN)
  const anonymous = kib('RssAnon') + kib('RssShmem')
  return Number.isNaN(anonymous) ? process.memoryUsage.rss() : anonymous * 1024
}

const readStatus = (): string | undefined => {
  try {
    return readFileSync('/proc/self/status', 'latin1')
  } catch {
    return undefined
  }
}
