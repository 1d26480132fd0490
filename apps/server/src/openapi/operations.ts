import type { Operation, Shape, Tag } from './operation.js'

type Row = readonly [route: string, tag: Tag, summary: string, result: Shape, body?: Shape]

const C = '/collections/:collection'
const P = `${C}/points`

/** Of the routes that are Qdrant's. A route that says more of itself (`doc`) goes by that. */
const ROWS: readonly Row[] = [
  ['GET /telemetry', 'Service', 'Facts about this process', 'Object'],
  ['GET /cluster', 'Service', "Qdrant's own clustering: always disabled", 'Object'],
  ['GET /issues', 'Service', 'Known issues: always none', 'Object'],
  ['DELETE /issues', 'Service', 'Clear known issues', 'Boolean'],
  ['GET /collections', 'Collections', 'List collections', 'CollectionList'],
  [`GET ${C}`, 'Collections', 'Show a collection', 'CollectionInfo'],
  [`PUT ${C}`, 'Collections', 'Create a collection', 'Boolean', 'CollectionCreate'],
  [`PATCH ${C}`, 'Collections', 'Change settings of a collection', 'Boolean', 'CollectionUpdate'],
  [`DELETE ${C}`, 'Collections', 'Drop a collection', 'Boolean'],
  [`GET ${C}/exists`, 'Collections', 'Whether a collection exists', 'CollectionExists'],
  [`GET ${C}/cluster`, 'Collections', 'Shards of a collection', 'Object'],
  [`GET ${C}/optimizations`, 'Collections', 'Optimisations under way', 'Object'],
  [`PUT ${C}/vectors/:vector`, 'Collections', 'Add a named vector', 'UpdateResult', 'VectorAdd'],
  [`DELETE ${C}/vectors/:vector`, 'Collections', 'Drop a named vector', 'UpdateResult'],
  ['POST /collections/aliases', 'Aliases', 'Change aliases, all at once', 'Boolean', 'AliasActions'],
  ['GET /aliases', 'Aliases', 'List all aliases', 'AliasList'],
  [`GET ${C}/aliases`, 'Aliases', 'List aliases of a collection', 'AliasList'],
  [`PUT ${C}/index`, 'Indexes', 'Declare a payload index', 'UpdateResult', 'IndexCreate'],
  [`DELETE ${C}/index/:field`, 'Indexes', 'Drop a payload index', 'UpdateResult'],
  [`GET ${P}/:id`, 'Points', 'Show a point', 'Record'],
  [`POST ${P}`, 'Points', 'Retrieve points by id', 'Record[]', 'PointsRequest'],
  [`PUT ${P}`, 'Points', 'Upsert points', 'UpdateResult', 'PointsUpsert'],
  [`POST ${P}/delete`, 'Points', 'Delete points', 'UpdateResult', 'Selector'],
  [`PUT ${P}/vectors`, 'Points', 'Update vectors', 'UpdateResult', 'UpdateVectors'],
  [`POST ${P}/vectors/delete`, 'Points', 'Delete vectors', 'UpdateResult', 'DeleteVectors'],
  [`POST ${P}/payload`, 'Points', 'Merge payload', 'UpdateResult', 'SetPayload'],
  [`PUT ${P}/payload`, 'Points', 'Replace payload', 'UpdateResult', 'SetPayload'],
  [`POST ${P}/payload/delete`, 'Points', 'Delete payload keys', 'UpdateResult', 'DeletePayload'],
  [`POST ${P}/payload/clear`, 'Points', 'Clear payload', 'UpdateResult', 'Selector'],
  [`POST ${P}/batch`, 'Points', 'Several writes as one', 'UpdateResult[]', 'UpdateOperations'],
  [`POST ${P}/scroll`, 'Points', 'Page through points', 'ScrollResult', 'ScrollRequest'],
  [`POST ${P}/count`, 'Points', 'Count points', 'CountResult', 'CountRequest'],
  [`POST ${C}/facet`, 'Points', 'Count values of a payload key', 'FacetResult', 'FacetRequest'],
  [`POST ${P}/query`, 'Search', 'Query points', 'QueryResult', 'QueryRequest'],
  [`POST ${P}/query/batch`, 'Search', 'Several queries', 'QueryResult[]', 'QueryBatch'],
  [`POST ${P}/query/groups`, 'Search', 'Query points in groups', 'GroupsResult', 'QueryGroups'],
  [`POST ${P}/search`, 'Search', 'Search (older form)', 'ScoredPoint[]', 'SearchRequest'],
  [`POST ${P}/search/batch`, 'Search', 'Several searches (older form)', 'ScoredPoint[][]', 'SearchBatch'],
  [`POST ${P}/search/groups`, 'Search', 'Search in groups (older form)', 'GroupsResult', 'SearchGroups'],
  [`POST ${P}/recommend`, 'Search', 'Recommend (older form)', 'ScoredPoint[]', 'RecommendRequest'],
  [`POST ${P}/recommend/batch`, 'Search', 'Several recommendations (older form)', 'ScoredPoint[][]', 'RecommendBatch'],
  [`POST ${P}/recommend/groups`, 'Search', 'Recommend in groups (older form)', 'GroupsResult', 'RecommendGroups'],
  [`POST ${P}/discover`, 'Search', 'Discover (older form)', 'ScoredPoint[]', 'DiscoverRequest'],
  [`POST ${P}/discover/batch`, 'Search', 'Several discoveries (older form)', 'ScoredPoint[][]', 'DiscoverBatch'],
  [`POST ${P}/search/matrix/pairs`, 'Search', 'Distances of a sample, as pairs', 'MatrixPairs', 'MatrixRequest'],
  [`POST ${P}/search/matrix/offsets`, 'Search', 'Distances of a sample, as offsets', 'MatrixOffsets', 'MatrixRequest'],
  ['GET /health', 'Service', 'What is wrong with this region now, in words', 'Health'],
  ['GET /meridian/health', 'Meridian', 'The same as /health', 'Health'],
  ['GET /meridian/cluster', 'Meridian', 'Regions, links, lag and collections', 'Object'],
  [`GET /meridian${C}/digest`, 'Meridian', 'Counts and digests by shard', 'Digest'],
  [`GET /meridian${P}/:id/history`, 'Meridian', 'The writes that make up a record', 'History'],
  ['GET /meridian/regions', 'Meridian', 'Members, and changes of membership that are asked for', 'Regions'],
  ['POST /meridian/regions', 'Meridian', 'Add a region that has joined', 'RegionChange', 'RegionAdd'],
  ['PUT /meridian/links/:region', 'Meridian', 'Cut or heal the link to a region', 'LinkState', 'LinkChange'],
]

const text = (summary: string): Operation => ({ summary, tag: 'Service', answers: 'text' })
const WAIT = { wait: 'false: answer 202 and go on; true by default' }
const UPLOAD = {
  ...WAIT,
  priority: 'snapshot or replica: whose records stay where both have them',
  checksum: 'SHA-256 that the file must have',
}

/** A snapshot's work may take long: all of it can be waited for or not. */
const job = (
  summary: string,
  result: Shape,
  query: Operation['query'] = WAIT,
  more: Partial<Operation> = {},
): Operation => ({ ...{ summary, tag: 'Snapshots', result, query, isDeferrable: true }, ...more })

const download: Operation = { summary: 'Download a snapshot', tag: 'Snapshots', answers: 'bytes' }

export const OPERATIONS: ReadonlyMap<string, Operation> = new Map<string, Operation>([
  ...ROWS.map(([route, tag, summary, result, body]): [string, Operation] => [
    route,
    { tag, summary, result, ...(body === undefined ? {} : { body }) },
  ]),
  [
    'GET /meridian/receipts/:token',
    {
      summary: 'Where what a token covers has got to, by region',
      tag: 'Meridian',
      result: 'Object',
      query: { timeout: 'whole seconds' },
    },
  ],
  [
    'DELETE /meridian/regions/:region',
    {
      summary: 'Retire a region',
      tag: 'Meridian',
      result: 'RegionChange',
      query: {
        force: 'true: the region will never act again, and its vote is done without',
        replica: 'Number of the replica, where the region has several',
        lost: 'With force: numbers of more replicas that will never act again, separated by commas',
      },
    },
  ],
  ['GET /', { summary: 'Who this is', tag: 'Service', result: 'Version', answers: 'bare' }],
  ['GET /healthz', text('Whether the process is alive')],
  ['GET /livez', text('Whether the process is alive')],
  ['GET /readyz', text('Whether requests are served in full')],
  ['GET /metrics', text('Metrics in the text format of Prometheus')],
  ...['', C].flatMap((of): [string, Operation][] => [
    [`GET ${of}/snapshots`, { summary: 'List snapshots', tag: 'Snapshots', result: 'SnapshotInfo[]' }],
    [`POST ${of}/snapshots`, job('Make a snapshot', 'SnapshotInfo')],
    [`GET ${of}/snapshots/:snapshot`, download],
    [`DELETE ${of}/snapshots/:snapshot`, job('Delete a snapshot', 'Boolean')],
  ]),
  [`PUT ${C}/snapshots/recover`, job('Restore from a snapshot', 'Boolean', WAIT, { body: 'SnapshotRecover' })],
  [`POST ${C}/snapshots/upload`, job('Restore from an uploaded snapshot', 'Boolean', UPLOAD)],
])
