import { type ByteReader, type ByteWriter, malformed } from './bytes.js'

/**
 * What a write was made from, for collections whose conflicts are decided by it. Every write of a record carries on the mark of
 * what it changes, so that a payload edit belongs to the content that it was made on.
 */
export interface ContentMark {
  /**
   * Counts decisions to go back: a writer that knowingly writes an older content or a lesser model over what it sees raises it
   * by one, so that what was seen never wins over what replaced it.
   */
  readonly generation: number
  /** Of the source; higher is newer. 0 is none. Up to 2^53 - 1. */
  readonly version: number
  /** That made the vectors; '' is none. At most `MODEL_BYTES_MAX` bytes. */
  readonly model: string
}

export const MODEL_BYTES_MAX = 255

export const NO_MARK: ContentMark = { generation: 0, version: 0, model: '' }

export const isNoMark = ({ generation, version, model }: ContentMark): boolean =>
  generation === 0 && version === 0 && model === ''

export const writeMark = (out: ByteWriter, { generation, version, model }: ContentMark): void => {
  out.varuint(generation).varuint(version).text(model)
}

/** @throws StoreError `DECODE_FAILED`, also for a mark that says nothing: that is left out. */
export const readMark = (input: ByteReader): ContentMark => {
  const mark = { generation: input.varuint(), version: input.varuint(), model: input.text(MODEL_BYTES_MAX) }
  if (isNoMark(mark)) throw malformed('content mark that says nothing')
  return mark
}
