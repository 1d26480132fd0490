import type { JsonObject, PointRecord } from '@meridian/client'
import { COLLECTION, type DemoRegion } from './demo-region.js'

/** What each region answers about some products, by region in order, then by product id. */
export type Seen = readonly ReadonlyMap<number, JsonObject>[]

export const look = (regions: readonly DemoRegion[], ids: readonly number[], signal: AbortSignal): Promise<Seen> =>
  Promise.all(
    regions.map(async ({ client }) => {
      const points = await client.retrieve(COLLECTION, ids, { with_payload: true }, { signal })
      return new Map(points.map((point: PointRecord) => [Number(point.id), point.payload ?? {}]))
    }),
  )

/** A row of texts, one for each region; `-` where the product does not exist. */
export const cells = (seen: Seen, id: number, text: (payload: JsonObject) => string): string[] =>
  seen.map((region) => {
    const payload = region.get(id)
    return payload === undefined ? '-' : text(payload)
  })

export const areEqual = (texts: readonly string[]): boolean => new Set(texts).size === 1

/** Columns padded to their widest text, indented. */
export const columns = (rows: readonly (readonly string[])[], indent = 5): string => {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)))
  return rows
    .map(
      (row) =>
        ' '.repeat(indent) +
        row
          .map((text, i) => text.padEnd(widths[i]!))
          .join('  ')
          .trimEnd(),
    )
    .join('\n')
}

/** Top hits of one text, as `name (id)`, in each region. Exact search: the answer depends on the records alone. */
export const search = (
  regions: readonly DemoRegion[],
  vector: Float32Array,
  limit: number,
  signal: AbortSignal,
): Promise<string[][]> =>
  Promise.all(
    regions.map(async ({ client }) => {
      const hits = await client.query(
        COLLECTION,
        { query: vector, limit, with_payload: ['name'], params: { exact: true } },
        { signal },
      )
      return hits.map((hit) => `${hit.payload?.name} (#${hit.id})`)
    }),
  )
