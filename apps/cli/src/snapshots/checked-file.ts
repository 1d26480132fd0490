import { createHash } from 'node:crypto'
import { link, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ClientError } from '@meridian/client'
import { CliError } from '../exit.js'

export interface Expected {
  readonly size: number
  /** SHA-256 in hex. */
  readonly checksum: string
}

/**
 * Writes `pieces` to `path` so that there is a whole file with the expected hash, on the disk, or none: to the side first, and
 * under its name when it was found right. An existing file is only replaced when `isReplacing`.
 * @throws CliError when the bytes are others, the file is there already, or the disk says no; and what `pieces` throw.
 */
export const writeChecked = async (
  path: string,
  pieces: AsyncIterable<Uint8Array>,
  { size, checksum }: Expected,
  isReplacing: boolean,
): Promise<void> => {
  const part = `${path}.${process.pid}.part`
  const file = await open(part, 'wx').catch((error: unknown) => Promise.reject(cannotWrite(part, error)))
  try {
    const hash = createHash('sha256')
    let bytes = 0
    try {
      for await (const piece of pieces) {
        bytes += piece.length
        if (bytes > size) throw new CliError(`the region sent more than the ${size} bytes it lists; nothing was kept`)
        hash.update(piece)
        await file.writeFile(piece)
      }
      await file.sync()
    } finally {
      await file.close()
    }
    if (bytes < size) throw new CliError(`the region sent ${bytes} of ${size} bytes; nothing was kept`)
    if (hash.digest('hex') !== checksum.toLowerCase())
      throw new CliError('what was received has another SHA-256 than the region lists; nothing was kept')
    if (isReplacing || !(await linked(part, path))) await rename(part, path)
    else await rm(part)
    await syncDirectory(dirname(path))
  } catch (error) {
    await rm(part, { force: true }).catch(() => undefined)
    throw cannotWrite(path, error)
  }
}

/** Unlike a rename, a link never replaces a file that came there meanwhile; `false` where files cannot be linked. */
const linked = async (from: string, to: string): Promise<boolean> => {
  try {
    await link(from, to)
    return true
  } catch (error) {
    if (['EPERM', 'ENOTSUP', 'ENOSYS', 'EMLINK'].includes((error as NodeJS.ErrnoException).code ?? '')) return false
    throw error
  }
}

/** The sentence for a file that is there. */
export const alreadyThere = (path: string): CliError =>
  new CliError(`${path} is there already; give --force to replace it, or --output for another name`)

const cannotWrite = (path: string, error: unknown): unknown => {
  if (error instanceof CliError || error instanceof ClientError || !(error instanceof Error)) return error
  const { code } = error as NodeJS.ErrnoException
  if (code === 'EEXIST') return alreadyThere(path)
  return code === undefined || !('syscall' in error)
    ? error
    : new CliError(`cannot write ${path}: ${error.message}`, undefined, { cause: error })
}

const syncDirectory = async (path: string): Promise<void> => {
  if (process.platform === 'win32') return
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
