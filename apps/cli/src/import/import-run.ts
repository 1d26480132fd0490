import type { CreateCollection, MeridianClient, Metric } from '@meridian/client'
import { ClientError } from '@meridian/client'
import { CliError } from '../exit.js'
import { dropState, type ImportKey, readState, resumption, statePath, writeState } from './import-state.js'
import { progressReport } from './progress-report.js'
import { isFlat, type Place, type Row, START } from './row.js'
import { between, openRows, type RowSource, withPayloads } from './row-source.js'
import { type BadRow, type Progress, upload } from './uploader.js'

export interface ImportOptions {
  readonly file: string
  readonly collection: string
  readonly batch: number
  readonly concurrency: number
  readonly distance: Metric
  readonly create: boolean
  readonly idStart: number
  /** First row, from 0. */
  readonly from: number
  /** Row to stop before. */
  readonly to: number | undefined
  readonly payloads: string | undefined
  readonly skipBad: boolean
  readonly signal: AbortSignal
  /** One line for people. */
  readonly say: (line: string) => void
  readonly out: NodeJS.WriteStream
  readonly nowMs: () => number
}

export interface ImportResult {
  /** Points acknowledged, earlier runs of the same import included. */
  readonly imported: number
  readonly skipped: number
  readonly isInterrupted: boolean
}

const SAVE_EVERY_MS = 1_000
const BAD_SHOWN_MAX = 10

/**
 * Imports a file, going on where an earlier run of the same import stopped.
 * @throws CliError with one line; what was acknowledged by then is saved, so that a rerun goes on from there.
 */
export const runImport = async (client: MeridianClient, options: ImportOptions): Promise<ImportResult> => {
  const source = await openRows(options.file)
  if (options.payloads !== undefined && source.hasIds)
    throw new CliError('--payloads goes with .fvecs and .npy; points of NDJSON carry their own', 2)
  if (options.create) await createFrom(client, source, options)
  const key: ImportKey = {
    collection: options.collection,
    uid: (await client.digest(options.collection)).uid,
    fileBytes: source.bytes,
    fileMtimeMs: source.mtimeMs,
    fromRow: options.from,
    idStart: options.idStart,
  }
  const path = await statePath(options.file, options.collection)
  const earlier = resumption(await readState(path), key)
  if (earlier.kind === 'changed')
    options.say(`starting from the beginning: the ${earlier.what} changed since the last run`)
  const before = earlier.kind === 'resume' ? earlier.state : { imported: 0, skipped: 0 }
  const readFrom = earlier.kind === 'resume' ? earlier.state.done : (source.placeOf(options.from) ?? START)
  const start: Place = { row: Math.max(readFrom.row, options.from), byte: readFrom.byte }
  if (earlier.kind === 'resume')
    options.say(`continuing at ${rowName(source, start.row)}: ${earlier.state.imported} points are in already`)

  const to = options.to ?? Number.POSITIVE_INFINITY
  const toByte = options.to === undefined ? source.bytes : (source.placeOf(options.to)?.byte ?? source.bytes)
  const report = progressReport({
    fromByte: start.byte,
    toByte: Math.min(toByte, source.bytes),
    out: options.out,
    nowMs: options.nowMs,
  })
  let last: Progress = { done: start, imported: 0, skipped: 0 }
  let savedMs = options.nowMs()
  let saving: Promise<void> = Promise.resolve()
  const save = (): Promise<void> => {
    const state = {
      version: 1 as const,
      ...key,
      done: last.done,
      imported: before.imported + last.imported,
      skipped: before.skipped + last.skipped,
    }
    saving = saving.then(() => writeState(path, state))
    return saving
  }
  const bad: BadRow[] = []
  let stoppedAt: BadRow | undefined
  try {
    last = await upload(rowsOf(source, readFrom, options.from, to, options.payloads), {
      start,
      batch: options.batch,
      concurrency: options.concurrency,
      signal: options.signal,
      send: (points) => client.upsert(options.collection, points, { wait: false }),
      idOf: (row) => options.idStart + row,
      onBad: (row) => {
        if (!options.skipBad) stoppedAt = row
        else if (bad.push(row) <= BAD_SHOWN_MAX) options.say(`skipped ${rowName(source, row.row)}: ${row.reason}`)
        return options.skipBad ? 'skip' : 'stop'
      },
      onProgress: (progress) => {
        last = progress
        report.update(progress)
        if (options.nowMs() - savedMs < SAVE_EVERY_MS) return
        savedMs = options.nowMs()
        save().catch(() => undefined)
      },
    })
  } catch (error) {
    report.stop()
    await save()
    throw new CliError(`${options.file}: ${(error as Error).message}; ${resumeHint(last, before.imported)}`, 1, {
      cause: error,
    })
  }
  report.stop()
  if (stoppedAt !== undefined) {
    await save()
    throw new CliError(
      `${options.file} ${rowName(source, stoppedAt.row)}: ${stoppedAt.reason} (--skip-bad goes on without such rows)`,
    )
  }
  const isInterrupted = options.signal.aborted
  if (isInterrupted) await save()
  else await saving.then(() => dropState(path))
  return { imported: before.imported + last.imported, skipped: before.skipped + last.skipped, isInterrupted }
}

const resumeHint = (last: Progress, before: number): string =>
  `${last.imported + before} points are in; the same command continues there`

/** As people count: lines from 1 where there are lines, rows from 0 where there are rows. */
const rowName = (source: RowSource, row: number): string => (source.hasIds ? `line ${row + 1}` : `row ${row}`)

const rowsOf = (
  source: RowSource,
  readFrom: Place,
  from: number,
  to: number,
  payloads: string | undefined,
): AsyncIterable<Row> => {
  const rows = source.read(readFrom)
  return between(payloads === undefined ? rows : withPayloads(rows, payloads, readFrom.row), from, to)
}

/** Creates the collection with the vector sizes of the first row; one that exists is left as it is. */
const createFrom = async (client: MeridianClient, source: RowSource, options: ImportOptions): Promise<void> => {
  if (await client.collectionExists(options.collection)) return
  for await (const row of source.read(START)) {
    if (row.kind !== 'point') continue
    const space = (size: number) => ({ size, distance: options.distance })
    const vectors: CreateCollection['vectors'] = isFlat(row.vector)
      ? space(row.vector.length)
      : Object.fromEntries(Object.entries(row.vector).map(([name, vector]) => [name, space(vector.length)]))
    try {
      await client.createCollection(options.collection, { vectors })
    } catch (error) {
      if (!(error instanceof ClientError && error.status === 409)) throw error
    }
    return
  }
  throw new CliError(`${options.file} has no row to take the vector size from`)
}
