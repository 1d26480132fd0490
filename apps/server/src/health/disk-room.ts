import { statfs } from 'node:fs/promises'

/** Fewer free bytes than this, and than a twentieth of the disk, are little: cleaning needs room too. */
const LOW_BYTES = 5 * 1024 ** 3
const LOW_PART = 0.05

export interface DiskRoom {
  readonly freeBytes: number
  readonly totalBytes: number
}

/** Of the disk that holds `directory`; undefined where it cannot be told. */
export const diskRoom = async (directory: string): Promise<DiskRoom | undefined> => {
  try {
    const { bavail, blocks, bsize } = await statfs(directory)
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize }
  } catch {
    return undefined
  }
}

export const isLow = ({ freeBytes, totalBytes }: DiskRoom): boolean =>
  freeBytes < LOW_BYTES && freeBytes < LOW_PART * totalBytes
