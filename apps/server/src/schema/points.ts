import type { CollectionConfig, JsonObject, PointId, RecordOp, VectorValue } from '@meridian/core'
import { badRequest, formatError, invalid } from '../http/errors.js'
import type { Json, JsonMap } from '../http/json-parse.js'
import { readContent } from './content.js'
import { readPayload } from './payload.js'
import { readPointId } from './point-id.js'
import { isMap, optional, readArray, readMap, refuseFields, NO_SHARD_KEYS } from './read.js'
import { readVector, readVectors, spaceParams } from './vector.js'

/** The body of an upsert: `points`, or column-wise `batch`. All of it is checked before the first op is handed on. */
export const readPoints = (body: JsonMap, config: CollectionConfig, pointsMax: number): RecordOp[] => {
  if (body.points !== undefined && body.batch !== undefined)
    throw badRequest('points and batch are both given: send one of them')
  const ops = body.batch !== undefined ? readBatch(readMap(body.batch, 'batch'), config) : readList(body.points, config)
  if (ops.length > pointsMax) throw invalid('points', `${ops.length} points, send at most ${pointsMax} in one request`)
  return ops
}

const put = (
  id: PointId,
  vectors: ReadonlyMap<string, VectorValue>,
  payload: JsonObject,
  content: Pick<RecordOp, 'content'>,
): RecordOp => ({ kind: 'put', id, vectors, payload, ...content })

const readList = (value: Json | undefined, config: CollectionConfig): RecordOp[] => {
  if (value === undefined) throw formatError('missing field `points`; send points, or a batch')
  return readArray(value, 'points').map((item, i) => {
    const path = `points[${i}]`
    const point = readMap(item, path)
    refuseFields(point, path, { shard_key: NO_SHARD_KEYS })
    const id = readPointId(point.id, `${path}.id`)
    return put(
      id,
      readVectors(point.vector ?? point.vectors, `${path}.vector`, config),
      optional(point.payload, `${path}.payload`, {}, readPayload),
      readContent(point.meridian, `${path}.meridian`),
    )
  })
}

const readBatch = (batch: JsonMap, config: CollectionConfig): RecordOp[] => {
  refuseFields(batch, 'batch', { shard_key: NO_SHARD_KEYS })
  const ids = readArray(batch.ids, 'batch.ids').map((id, i) => readPointId(id, `batch.ids[${i}]`))
  const payloads = optional(batch.payloads, 'batch.payloads', undefined, readArray)
  const contents = optional(batch.meridian, 'batch.meridian', undefined, readArray)
  const columns = readColumns(batch.vectors, config)
  for (const [path, length] of [
    ...columns.map(({ path, rows }) => [path, rows.length] as const),
    ...(payloads ? [['batch.payloads', payloads.length] as const] : []),
    ...(contents ? [['batch.meridian', contents.length] as const] : []),
  ])
    if (length !== ids.length) throw invalid(path, `${length} of them for ${ids.length} ids, send one for each id`)
  return ids.map((id, i) => {
    const vectors = new Map<string, VectorValue>()
    for (const { name, path, rows } of columns)
      vectors.set(name, readVector(rows[i], `${path}[${i}]`, spaceParams(config, name)))
    const payload = optional(payloads?.[i], `batch.payloads[${i}]`, {}, readPayload)
    return put(id, vectors, payload, readContent(contents?.[i], `batch.meridian[${i}]`))
  })
}

interface Column {
  readonly name: string
  readonly path: string
  readonly rows: readonly Json[]
}

const readColumns = (value: Json | undefined, config: CollectionConfig): Column[] => {
  if (!isMap(value)) return [{ name: '', path: 'batch.vectors', rows: readArray(value, 'batch.vectors') }]
  return Object.entries(value).map(([name, rows]) => {
    spaceParams(config, name)
    return { name, path: `batch.vectors.${name}`, rows: readArray(rows, `batch.vectors.${name}`) }
  })
}
