import { open } from 'node:fs/promises'
import { CliError } from '../exit.js'
import type { SendableFile, SnapshotApi } from './snapshot-api.js'

/** What `restore` was given: a file of this machine, or the name of a snapshot that the region keeps. */
export type Source =
  | { readonly kind: 'file'; readonly file: SendableFile }
  | { readonly kind: 'stored'; readonly name: string }

const NAME = /^[a-z0-9-]{1,120}\.snapshot$/

/**
 * A file comes first: what lies here can be seen, so a name that is both means the file, unless `isStored` says otherwise. The
 * caller closes it.
 * @throws CliError when it can be neither.
 */
export const openSource = async (text: string, isStored: boolean): Promise<Source> => {
  if (!isStored) {
    try {
      const handle = await open(text, 'r')
      try {
        const stat = await handle.stat()
        if (!stat.isFile()) throw new CliError(`${text} is not a file`)
        return { kind: 'file', file: { path: text, handle, bytes: stat.size } }
      } catch (error) {
        await handle.close()
        throw error
      }
    } catch (error) {
      if (error instanceof CliError) throw error
      const { code, message } = error as NodeJS.ErrnoException
      if (code !== 'ENOENT') throw new CliError(`cannot read ${text}: ${message}`, undefined, { cause: error })
    }
  }
  if (NAME.test(text)) return { kind: 'stored', name: text }
  throw new CliError(
    `${text} is ${isStored ? '' : 'no file, and '}not the name of a snapshot; see meridian snapshot list`,
  )
}

/**
 * Whose list the region keeps `name` in: `undefined` for the whole store's.
 * @throws CliError when no list has it.
 */
export const findOwner = async (api: SnapshotApi, name: string): Promise<string | undefined> => {
  for (const owner of [undefined, ...(await api.collections())])
    if ((await api.list(owner)).some((each) => each.name === name)) return owner
  throw new CliError(
    `the region lists no snapshot ${name}; if its collection was deleted, name the one to restore with --collection`,
  )
}
