import { StoreError } from '@meridian/core'
import { SnapshotDecoder, type SnapshotHeader } from '@meridian/server'
import { CliError } from '../exit.js'

/**
 * What a snapshot says of itself. Only its beginning is read; whether the rest is sound is for the region to say.
 * @throws CliError when the beginning is damaged, or of another format.
 */
export const readContents = async (what: string, bytes: AsyncIterable<Uint8Array>): Promise<SnapshotHeader> => {
  const decoder = new SnapshotDecoder()
  try {
    for await (const piece of bytes)
      for (const section of decoder.push(piece)) if (section.kind === 'header') return section.header
    decoder.end()
    throw new CliError(`${what} cannot be used: it has no header`)
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    throw new CliError(`${what} cannot be used: ${error.message}; nothing was restored`, undefined, { cause: error })
  }
}
