import { ClientError } from '@meridian/client'
import { CliError } from '../exit.js'
import { readContents } from './contents.js'
import { bytesOf, type RestoreOptions, type SnapshotApi } from './snapshot-api.js'
import { findOwner, type Source } from './source.js'

export interface RestoreRun extends RestoreOptions {
  readonly source: Source
  /** Collection to restore into; all that the snapshot holds, under their own names, when `undefined`. */
  readonly collection: string | undefined
  /** What is about to happen, line by line. */
  readonly say: (line: string) => void
  /** What was done. */
  readonly tell: (line: string) => void
}

/**
 * Restores one collection after the other, and says of each what happens to it. What was told as done is done when this
 * rejects; a restore done again writes only what differs.
 */
export const runRestore = async (api: SnapshotApi, run: RestoreRun): Promise<void> => {
  const { source, say, tell } = run
  // A key that may not restore is refused here, not in the middle of an upload.
  await api.list(undefined)
  for (const target of await targets(api, run)) {
    say(intent(target, await api.exists(target), run.priority))
    if (source.kind === 'stored') await api.recover(target, source.name, run)
    else await api.upload(target, source.file, run).catch((error: unknown) => Promise.reject(uploadProblem(error)))
    tell(`${target}: restored, ${(await api.count(target)).toLocaleString('en')} points`)
  }
}

const targets = async (api: SnapshotApi, { source, collection }: RestoreRun): Promise<readonly string[]> => {
  if (source.kind === 'stored' && collection !== undefined) return [collection]
  const [what, bytes] =
    source.kind === 'file'
      ? [source.file.path, bytesOf(source.file)]
      : [source.name, api.bytes(await findOwner(api, source.name), source.name)]
  const { collections } = await readContents(what, bytes)
  if (collection !== undefined) return [collection]
  if (collections.length === 0) throw new CliError(`${what} holds no collection; there is nothing to restore`)
  return collections.map(({ name }) => name)
}

/** One line; what it promises is in docs/operations.md. */
export const intent = (collection: string, exists: boolean, priority: RestoreOptions['priority']): string => {
  if (!exists)
    return `${collection}: there is none; it is made, as a new incarnation, with the settings and payload indexes of the snapshot`
  return priority === 'replica'
    ? `${collection}: records that are missing come back as new writes, those that are there stay; every region gets them`
    : `${collection}: records come back as new writes, those not in the snapshot are deleted; every region gets both`
}

/** A region ends a request that takes too long to arrive, at times before its refusal can be read. */
const uploadProblem = (error: unknown): unknown =>
  error instanceof ClientError && (error.status === 408 || error.code === 'CONNECTION_LOST')
    ? new ClientError(
        error.status,
        `${error.message}; a large file may need a longer --snapshot-timeout-ms of the region`,
        error.code,
      )
    : error
