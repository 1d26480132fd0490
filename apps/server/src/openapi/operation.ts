import type { z } from 'zod'
import type { SchemaName } from './schemas.js'

/** A named schema, or lists of it. */
export type Shape = SchemaName | `${SchemaName}[]` | `${SchemaName}[][]`

export const TAGS = [
  'Service',
  'Collections',
  'Points',
  'Search',
  'Aliases',
  'Indexes',
  'Snapshots',
  'Meridian',
] as const
export type Tag = (typeof TAGS)[number]

/** What the published document says of a route. */
export interface Operation {
  readonly summary: string
  readonly tag: Tag
  /** Of the JSON body; none when absent. */
  readonly body?: Shape | z.ZodType
  /** Of what stands in the envelope's `result`, or of the whole answer when `answers` says so. */
  readonly result?: Shape | z.ZodType
  /** How the answer is wrapped; in the envelope when absent. */
  readonly answers?: 'bare' | 'text' | 'html' | 'bytes'
  /** Of Qdrant's specification, but not served: always 400. */
  readonly isRefused?: true
  /** With `wait=false` the answer is 202 at once. */
  readonly isDeferrable?: true
  /** Query parameters beside those of its kind. */
  readonly query?: Readonly<Record<string, string>>
}
