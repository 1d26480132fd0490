import { cellValue, type CellValue, cosineOf, type Entry, formatCell, type Stamp } from '@meridian/core'
import { type ConflictBook, type ConflictNote, timeOf } from '@meridian/replica'
import { shownVector } from '../query/present.js'
import type { Region } from '../region.js'

export const shownStamp = ({ ms, counter, writer }: Stamp) => ({ ms, counter, writer })

/** What a write was made from, in the words of a request. */
export const shownContent = ({ content }: Stamp) =>
  content === undefined ? {} : { meridian: { content_version: content.version, model: content.model } }

export const regionOf = (region: Region) => {
  const { members } = region.replica.status()
  return (stamp: Stamp): string | undefined => members.find(({ replica }) => replica === stamp.writer)?.region
}

/** One conflict as an answer shows it: both values in full. */
export const shownConflict = (
  book: ConflictBook,
  note: ConflictNote,
  writerOf: (stamp: Stamp) => string | undefined,
  withVectors: boolean,
) => {
  const { winner, loser } = book.detail(note.id)
  const side = (entry: Entry) => ({
    region: writerOf(entry.stamp),
    stamp: shownStamp(entry.stamp),
    ...shownContent(entry.stamp),
    value: shownValue(cellValue(entry, note.cell), withVectors),
  })
  const { settledBy, resolution } = note
  return {
    id: note.id,
    point_id: note.point,
    cell: formatCell(note.cell),
    state: settledBy === undefined ? 'open' : 'settled',
    at: new Date(timeOf(note).ms).toISOString(),
    rule: note.rule,
    winner: side(winner),
    loser: side(loser),
    ...cosines(cellValue(winner, note.cell), cellValue(loser, note.cell), isSameModel(winner.stamp, loser.stamp)),
    ...(settledBy === undefined ? {} : { settled_by: { region: writerOf(settledBy), stamp: shownStamp(settledBy) } }),
    ...(resolution === undefined ? {} : { kept: resolution.kept, new_id: resolution.newId }),
  }
}

const shownValue = ({ isRemoved, vectors, dropped, payload }: CellValue, withVectors: boolean) => ({
  removed: isRemoved,
  payload,
  ...(dropped.length === 0 ? {} : { dropped_vectors: dropped }),
  ...(withVectors
    ? { vectors: Object.fromEntries([...vectors].map(([name, vector]) => [name, shownVector(vector)])) }
    : { vectors: [...vectors.keys()] }),
})

/** Vectors of different models are of different spaces, and their cosine would say nothing. */
const isSameModel = (a: Stamp, b: Stamp): boolean => a.content?.model === b.content?.model

/** By vector name, of those that both have. */
const cosines = (a: CellValue, b: CellValue, areComparable: boolean): { cosine?: Record<string, number> } => {
  if (!areComparable) return {}
  const found = [...a.vectors].flatMap(([name, vector]) => {
    const other = b.vectors.get(name)
    const cosine = other === undefined ? undefined : cosineOf(vector, other)
    return cosine === undefined ? [] : [[name, cosine] as const]
  })
  return found.length === 0 ? {} : { cosine: Object.fromEntries(found) }
}
