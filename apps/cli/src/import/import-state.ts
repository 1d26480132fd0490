import { createHash } from 'node:crypto'
import { access, constants, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import type { Place } from './row.js'

/** What an import must have in common with an earlier one to go on where that one stopped. */
export interface ImportKey {
  readonly collection: string
  /** Incarnation of the collection: one deleted and made again starts from the beginning. */
  readonly uid: string
  readonly fileBytes: number
  readonly fileMtimeMs: number
  readonly fromRow: number
  readonly idStart: number
}

export interface ImportState extends ImportKey {
  readonly version: 1
  /** Every row before this is acknowledged or was skipped as bad. */
  readonly done: Place
  readonly imported: number
  readonly skipped: number
}

/** Beside the data, so that it is found again from any working directory; in the OS's temporary folder if that is read-only. */
export const statePath = async (file: string, collection: string): Promise<string> => {
  const whole = resolve(file)
  const beside = `${whole}.${encodeURIComponent(collection)}.meridian-import.json`
  try {
    await access(dirname(whole), constants.W_OK)
    return beside
  } catch {
    const name = createHash('sha256').update(beside).digest('hex').slice(0, 16)
    return join(tmpdir(), `meridian-import-${name}.json`)
  }
}

export type Resumption =
  | { readonly kind: 'fresh' }
  | { readonly kind: 'resume'; readonly state: ImportState }
  | { readonly kind: 'changed'; readonly what: string }

const NAMES: Readonly<Record<keyof ImportKey, string>> = {
  collection: 'collection',
  uid: 'collection (it was deleted and made again)',
  fileBytes: 'size of the file',
  fileMtimeMs: 'time of the file',
  fromRow: '--from',
  idStart: '--id-start',
}

/** Whether an earlier state is about the same import. A text that is no state counts as none: it is derived data. */
export const resumption = (text: string | undefined, key: ImportKey): Resumption => {
  const state = text === undefined ? undefined : parseState(text)
  if (state === undefined) return { kind: 'fresh' }
  for (const name of Object.keys(NAMES) as (keyof ImportKey)[])
    if (state[name] !== key[name]) return { kind: 'changed', what: NAMES[name] }
  return { kind: 'resume', state }
}

const parseState = (text: string): ImportState | undefined => {
  try {
    const state = JSON.parse(text) as ImportState
    const counts = [state.done.row, state.done.byte, state.imported, state.skipped]
    return state.version === 1 && counts.every((count) => Number.isSafeInteger(count) && count >= 0) ? state : undefined
  } catch {
    return undefined
  }
}

export const readState = (path: string): Promise<string | undefined> => readFile(path, 'utf8').catch(() => undefined)

/** Replaces the file whole: a crash leaves the old state or the new one. */
export const writeState = async (path: string, state: ImportState): Promise<void> => {
  const next = `${path}.${process.pid}.tmp`
  await writeFile(next, `${JSON.stringify(state)}\n`)
  await rename(next, path)
}

export const dropState = (path: string): Promise<void> => rm(path, { force: true })
