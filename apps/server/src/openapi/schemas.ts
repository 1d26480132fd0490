import { z } from 'zod'

/*
 * Shapes of bodies and results as the document publishes them. The hot bodies are read by hand (`schema/`), which refuses with
 * Qdrant's words and takes 64-bit integers; tests hold what is sent and answered to these shapes, so that the two agree.
 */

const uint64 = z.number().nonnegative().meta({ type: 'integer', format: 'uint64' })
const count = z.int().nonnegative()
const any = z.unknown()
const none = <T extends z.ZodType>(schema: T) => schema.nullish()

const PointId = z.union([uint64, z.string()]).meta({
  description:
    'Unsigned 64-bit integer, UUID, or (extension) another string of 1-256 bytes without control characters.',
})
const Payload = z.record(z.string(), any)
const SparseVector = z.looseObject({ indices: z.array(uint64), values: z.array(z.number()) })
const Vector = z.union([z.array(z.number()), z.array(z.array(z.number())), SparseVector])
const Vectors = z.union([Vector, z.record(z.string(), Vector)])
const WithPayload = z.union([z.boolean(), z.array(z.string()), z.looseObject({})])
const WithVector = z.union([z.boolean(), z.array(z.string())])
const UpdateResult = z.looseObject({
  operation_id: none(uint64),
  status: z.enum(['acknowledged', 'completed', 'wait_timeout']),
})

const FieldCondition = z.looseObject({
  key: z.string(),
  match: any.optional(),
  range: any.optional(),
  geo_bounding_box: any.optional(),
  geo_radius: any.optional(),
  geo_polygon: any.optional(),
  values_count: any.optional(),
  is_empty: none(z.boolean()),
  is_null: none(z.boolean()),
})
const Condition: z.ZodType = z.lazy(() =>
  z.union([
    FieldCondition,
    z.strictObject({ has_id: z.array(PointId) }),
    z.strictObject({ has_vector: z.string() }),
    z.strictObject({ is_empty: z.strictObject({ key: z.string() }) }),
    z.strictObject({ is_null: z.strictObject({ key: z.string() }) }),
    z.strictObject({ nested: z.strictObject({ key: z.string(), filter: Filter }) }),
    Filter,
  ]),
)
const Clause = none(z.union([z.array(Condition), Condition]))
const Filter = z.strictObject({
  must: Clause,
  should: Clause,
  must_not: Clause,
  min_should: none(z.strictObject({ conditions: z.array(Condition), min_count: count })),
})

const Record = z.looseObject({ id: PointId, payload: none(Payload), vector: none(any), order_value: none(z.number()) })
const ScoredPoint = z.looseObject({
  id: PointId,
  version: uint64,
  score: z.number(),
  payload: none(Payload),
  vector: none(any),
})
const Group = z.looseObject({ id: z.union([z.string(), z.number()]), hits: z.array(ScoredPoint), lookup: none(Record) })

const PointStruct = z.looseObject({ id: PointId, vector: Vectors.optional(), payload: none(Payload) })
const Selector = z.looseObject({ points: none(z.array(PointId)), filter: none(Filter) })
const PointsUpsert = z.looseObject({
  points: none(z.array(PointStruct)),
  batch: none(z.looseObject({ ids: z.array(PointId), vectors: any, payloads: none(z.array(none(Payload))) })),
  update_mode: none(z.enum(['upsert', 'insert_only', 'update_only'])),
  update_filter: none(Filter),
})
const SetPayload = Selector.extend({ payload: Payload, key: none(z.string()) })
const DeletePayload = Selector.extend({ keys: z.array(z.string()) })
const UpdateVectors = z.looseObject({
  points: z.array(z.looseObject({ id: PointId, vector: Vectors })),
  update_filter: none(Filter),
})
const DeleteVectors = Selector.extend({ vector: z.array(z.string()) })
const UpdateOperation = z.union([
  z.strictObject({ upsert: PointsUpsert }),
  z.strictObject({ delete: Selector }),
  z.strictObject({ set_payload: SetPayload }),
  z.strictObject({ overwrite_payload: SetPayload }),
  z.strictObject({ delete_payload: DeletePayload }),
  z.strictObject({ clear_payload: Selector }),
  z.strictObject({ update_vectors: UpdateVectors }),
  z.strictObject({ delete_vectors: DeleteVectors }),
])

const shown = {
  filter: none(Filter),
  limit: none(count),
  offset: none(count),
  params: none(z.looseObject({ exact: none(z.boolean()), hnsw_ef: none(count) })),
  score_threshold: none(z.number()),
  with_payload: none(WithPayload),
  with_vector: none(WithVector),
}
const Lookup = none(z.looseObject({ collection: z.string(), vector: none(z.string()) }))
const QueryRequest = z.looseObject({
  ...shown,
  query: any.optional(),
  using: none(z.string()),
  prefetch: any.optional(),
  lookup_from: Lookup,
})
const SearchRequest = z.looseObject({ ...shown, vector: any, top: none(count) })
const RecommendRequest = z.looseObject({
  ...shown,
  positive: none(z.array(any)),
  negative: none(z.array(any)),
  strategy: none(z.enum(['average_vector', 'best_score', 'sum_scores'])),
  using: none(z.string()),
  lookup_from: Lookup,
})
const DiscoverRequest = z.looseObject({
  ...shown,
  target: any.optional(),
  context: any.optional(),
  using: none(z.string()),
  lookup_from: Lookup,
})
const grouping = { group_by: z.string(), group_size: none(count), with_lookup: any.optional() }
const batch = <T extends z.ZodType>(search: T) => z.looseObject({ searches: z.array(search) })

const VectorParams = z.looseObject({
  size: z.int().min(1).max(65_536),
  distance: z.enum(['Cosine', 'Dot', 'Euclid', 'Manhattan']),
  hnsw_config: any.optional(),
  multivector_config: any.optional(),
  datatype: none(z.enum(['float32', 'float16', 'uint8'])),
})
const settings = {
  sparse_vectors: any.optional(),
  hnsw_config: any.optional(),
  optimizers_config: any.optional(),
  quantization_config: any.optional(),
  strict_mode_config: any.optional(),
  metadata: any.optional(),
}

const Trace = z.enum(['holds', 'clear', 'unknown'])

/** By the names that the document gives them. */
export const SCHEMAS = {
  PointId,
  Payload,
  SparseVector,
  Vector,
  Vectors,
  FieldCondition,
  Filter,
  Record,
  ScoredPoint,
  PointStruct,
  Selector,
  PointsUpsert,
  SetPayload,
  DeletePayload,
  UpdateVectors,
  DeleteVectors,
  UpdateOperations: z.looseObject({ operations: z.array(UpdateOperation) }),
  UpdateResult,
  PointsRequest: z.looseObject({
    ids: z.array(PointId),
    with_payload: none(WithPayload),
    with_vector: none(WithVector),
  }),
  ScrollRequest: z.looseObject({
    filter: none(Filter),
    limit: none(count),
    offset: none(PointId),
    order_by: any.optional(),
    with_payload: none(WithPayload),
    with_vector: none(WithVector),
  }),
  ScrollResult: z.looseObject({ points: z.array(Record), next_page_offset: none(PointId) }),
  CountRequest: z.looseObject({ filter: none(Filter), exact: none(z.boolean()) }),
  CountResult: z.looseObject({ count }),
  QueryRequest,
  QueryBatch: batch(QueryRequest),
  QueryGroups: QueryRequest.extend(grouping),
  QueryResult: z.looseObject({ points: z.array(ScoredPoint) }),
  SearchRequest,
  SearchBatch: batch(SearchRequest),
  SearchGroups: SearchRequest.extend(grouping),
  RecommendRequest,
  RecommendBatch: batch(RecommendRequest),
  RecommendGroups: RecommendRequest.extend(grouping),
  DiscoverRequest,
  DiscoverBatch: batch(DiscoverRequest),
  GroupsResult: z.looseObject({ groups: z.array(Group) }),
  FacetRequest: z.looseObject({ key: z.string(), filter: none(Filter), limit: none(count), exact: none(z.boolean()) }),
  FacetResult: z.looseObject({
    hits: z.array(z.looseObject({ value: z.union([z.string(), z.number(), z.boolean()]), count })),
  }),
  MatrixRequest: z.looseObject({
    filter: none(Filter),
    sample: none(count),
    limit: none(count),
    using: none(z.string()),
  }),
  MatrixPairs: z.looseObject({ pairs: z.array(z.looseObject({ a: PointId, b: PointId, score: z.number() })) }),
  MatrixOffsets: z.looseObject({
    offsets_row: z.array(count),
    offsets_col: z.array(count),
    scores: z.array(z.number()),
    ids: z.array(PointId),
  }),
  VectorParams,
  CollectionCreate: z.looseObject({
    ...settings,
    vectors: none(z.union([VectorParams, z.record(z.string(), VectorParams)])),
    shard_number: none(count),
  }),
  CollectionUpdate: z.looseObject({
    ...settings,
    vectors: any.optional(),
    sparse_vectors: any.optional(),
    params: any.optional(),
  }),
  VectorAdd: z.union([
    z.looseObject({
      dense: z.looseObject({ size: count, distance: z.string(), multivector_config: any.optional() }),
    }),
    z.looseObject({ sparse: z.looseObject({ modifier: none(z.enum(['none', 'idf'])) }) }),
  ]),
  CollectionInfo: z.looseObject({
    status: z.string(),
    optimizer_status: any,
    points_count: none(count),
    indexed_vectors_count: none(count),
    segments_count: count,
    config: z.looseObject({}),
    payload_schema: z.record(z.string(), any),
  }),
  CollectionList: z.looseObject({ collections: z.array(z.looseObject({ name: z.string() })) }),
  CollectionExists: z.looseObject({ exists: z.boolean() }),
  AliasActions: z.looseObject({ actions: z.array(z.looseObject({})) }),
  AliasList: z.looseObject({
    aliases: z.array(z.looseObject({ alias_name: z.string(), collection_name: z.string() })),
  }),
  IndexCreate: z.looseObject({ field_name: z.string(), field_schema: any.optional() }),
  SnapshotInfo: z.looseObject({
    name: z.string(),
    creation_time: none(z.string()),
    size: count,
    checksum: none(z.string()),
  }),
  SnapshotRecover: z.looseObject({
    location: z.string(),
    api_key: none(z.string()),
    checksum: none(z.string()),
    priority: none(z.string()),
  }),
  Regions: z.looseObject({
    configuration: count,
    members: z.array(
      z.looseObject({
        region: z.string(),
        replica: count,
        status: z.enum(['joining', 'active', 'retired']),
        store_id: z.string(),
        since: z.string(),
      }),
    ),
    pending: z.array(z.looseObject({ change: z.enum(['add', 'retire']), region: z.string(), replica: count })),
  }),
  Health: z.looseObject({
    region: z.string(),
    status: z.enum(['ok', 'degraded', 'unready']),
    unready: none(z.string()),
    degradations: z.array(
      z.looseObject({
        code: z.string(),
        peer: none(z.string()),
        about: none(z.string()),
        message: z.string(),
        for_seconds: count,
      }),
    ),
  }),
  RegionAdd: z.looseObject({ region: z.string(), replica: count.optional() }),
  RegionChange: z.looseObject({ state: z.enum(['in effect', 'pending']), region: z.string(), replica: count }),
  LinkState: z.looseObject({ region: z.string(), enabled: z.boolean() }),
  LinkChange: z.looseObject({ enabled: z.boolean() }),
  Digest: z.looseObject({ collection: z.string(), uid: z.string(), live: count, shards: z.array(z.looseObject({})) }),
  Erasure: z.looseObject({
    collection: z.string(),
    id: PointId,
    state: z.enum(['live', 'deleted', 'absent']),
    deleted_at: none(z.string()),
    erased: z.boolean(),
    regions: z.array(
      z.looseObject({
        region: z.string(),
        replica: none(count),
        state: z.enum(['live', 'deleted', 'absent', 'unknown']),
        deleted_at: none(z.string()),
        log: Trace,
        blocks: Trace,
        conflicts: Trace,
        graph: Trace,
        index_files: Trace,
        snapshots: z.array(z.looseObject({ name: z.string(), creation_time: z.string() })),
        unread_snapshots: none(count),
        waiting_for: z.array(z.string()),
        unknown: none(z.string()),
      }),
    ),
    retired: z.array(z.string()),
  }),
  History: z.looseObject({
    id: PointId,
    live: z.boolean(),
    writes: z.array(z.looseObject({ what: z.string(), removed: z.boolean(), stamp: z.looseObject({}) })),
  }),
  Version: z.looseObject({
    title: z.string(),
    version: z.string(),
    commit: none(z.string()),
    ext: z.looseObject({}).optional(),
  }),
  Object: z.looseObject({}),
  Boolean: z.boolean(),
} as const

export type SchemaName = keyof typeof SCHEMAS
