import {
  defaultReplicaId,
  FRAME_BYTES_MAX,
  parseRegionId,
  type RegionId,
  type ReplicaId,
  SHARDS_DEFAULT,
  SHARDS_MAX,
  StoreError,
} from '@meridian/core'
import { workersDefault } from '@meridian/index'
import { DEFAULT_SETTINGS } from '@meridian/replica'
import { z } from 'zod'
import { type KeyGrant, readKeysFile } from './http/keys-file.js'
import { memoryMaxDefault } from './intake/memory-use.js'
import { FLAGS, type Flag, type FlagValues, LOG_LEVELS, type LogLevel } from './flags.js'

export interface PeerAddress {
  readonly region: RegionId
  /** `http://` or `https://` origin of the peer; links are dialed on it. */
  readonly url: string
}

/** Everything one region's process is told. Parsed once, at the door, and frozen. */
export interface Config {
  readonly region: RegionId
  readonly replica: ReplicaId
  readonly host: string
  /** 0 takes any free port. */
  readonly port: number
  readonly dataDir: string
  readonly peers: readonly PeerAddress[]
  /** A new data directory joins the cluster of its peers instead of founding one. Of no effect later. */
  readonly joins: boolean
  /** Clients must send it; open to all when absent. */
  readonly apiKey: string | undefined
  /** Lets in to read only. */
  readonly readOnlyApiKey: string | undefined
  /** Of the keys file. */
  readonly keys: readonly KeyGrant[]
  /** Origins whose pages may call; `*` alone is all. */
  readonly corsOrigins: readonly string[]
  /** Peers must send it; links are open to all when absent. */
  readonly clusterKey: string | undefined
  readonly logLevel: LogLevel
  readonly bodyBytesMax: number
  readonly jsonDepthMax: number
  /** Largest snapshot file that is taken in. */
  readonly snapshotBytesMax: number
  /** Longest time for a snapshot to come in whole, uploaded or fetched. */
  readonly snapshotTimeoutMs: number
  /** Whether a restore may fetch its snapshot from a URL. */
  readonly areSnapshotUrlsTaken: boolean
  /** Points one write request may carry or touch by id. */
  readonly batchPointsMax: number
  /** Largest `limit` (and `offset`) of a read. */
  readonly limitMax: number
  readonly filterConditionsMax: number
  readonly dimensionsMax: number
  /** Whether ids may be strings other than UUIDs. */
  readonly areTextIdsTaken: boolean
  /** Shards of a collection whose creation names none. */
  readonly shards: number
  /** Most threads of the index. */
  readonly indexWorkers: number
  readonly payloadIndexBytesMax: number
  /** Of one collection: vectors that are not in a graph yet. Past it writes wait, and are refused with 429. */
  readonly indexPendingBytesMax: number
  readonly indexPendingBytesSlow: number
  /** At it writes are refused with 507, and no graph is rebuilt that would pass it. */
  readonly memoryMaxBytes: number
  readonly mapSizeBytes: number
  readonly requestTimeoutMs: number
  readonly headerTimeoutMs: number
  readonly connectionsMax: number
  /** Links that peers may hold at a time. */
  readonly linksMax: number
  readonly linkBufferBytesMax: number
  /** Of a link or a room. */
  readonly firstMessageMs: number
  readonly roomsMax: number
  readonly roomsPerAddressMax: number
  readonly roomMessageBytesMax: number
  readonly roomBufferBytesMax: number
  /** Of each collection: listed conflicts, bytes of them, and the age of the newer write at which one goes. */
  readonly conflictsMax: number
  readonly conflictBytesMax: number
  readonly conflictAgeMs: number
  /** Every stored block is read once in this time. */
  readonly scrubMs: number
  /** Regions that hold the same compare what they show this often. */
  readonly antiEntropyMs: number
  /** How long a graceful stop waits for requests under way. */
  readonly drainMs: number
}

const integer = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d+$/, { error: `must be an integer from ${min} to ${max}` })
    .transform(Number)
    .refine((value) => value >= min && value <= max, { error: `must be an integer from ${min} to ${max}` })

/** Printable ASCII without spaces: what fits a header. */
const key = z.string().regex(/^[\x21-\x7e]{1,256}$/, { error: 'must be 1-256 printable characters without spaces' })

const region = z.string().transform((text, context): RegionId => {
  try {
    return parseRegionId(text)
  } catch {
    context.addIssue({ code: 'custom', message: 'must be 1-32 characters of a-z, 0-9 and -, starting with a letter' })
    return z.NEVER
  }
})

const PEER_FORM = 'must look like us=http://127.0.0.1:6343'
const peer = z.string().transform((text, context): PeerAddress => {
  const fail = (message: string): never => {
    context.addIssue({ code: 'custom', message })
    return z.NEVER
  }
  const at = text.indexOf('=')
  const name = region.safeParse(text.slice(0, Math.max(0, at)))
  if (!name.success) return fail(PEER_FORM)
  const url = URL.canParse(text.slice(at + 1)) ? new URL(text.slice(at + 1)) : undefined
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) return fail(PEER_FORM)
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '' || url.username !== '')
    return fail('must be an address without a path or a user, as us=http://127.0.0.1:6343')
  return { region: name.data, url: url.origin }
})

const keysFile = z.string().transform((path, context): readonly KeyGrant[] => {
  try {
    return readKeysFile(path)
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message })
    return z.NEVER
  }
})

const origin = z.string().refine((text) => text === '*' || text === 'none' || isOrigin(text), {
  error: 'must be an origin such as https://app.example.org, * or none',
})
const isOrigin = (text: string): boolean => URL.canParse(text) && /^https?:/.test(text) && new URL(text).origin === text

const SCHEMAS = {
  region,
  'replica-number': integer(1, 255),
  host: z.string().min(1, { error: 'must be an address such as 127.0.0.1 or 0.0.0.0' }),
  port: integer(0, 65535),
  data: z.string().min(1, { error: 'must be a directory' }),
  peer,
  join: z.enum(['on', 'off'], { error: 'must be on or off' }),
  'api-key': key,
  'read-only-api-key': key,
  keys: keysFile,
  cors: origin,
  'cluster-key': key,
  'log-level': z.enum(LOG_LEVELS, { error: `must be one of ${LOG_LEVELS.join(', ')}` }),
  'body-bytes-max': integer(1024, 512 * 1024 * 1024),
  'json-depth-max': integer(8, 256),
  'snapshot-bytes-max': integer(1024, Number.MAX_SAFE_INTEGER),
  'snapshot-timeout-ms': integer(1000, 7 * 24 * 3600 * 1000),
  'snapshot-urls': z.enum(['on', 'off'], { error: 'must be on or off' }),
  'batch-points-max': integer(1, 10_000_000),
  'limit-max': integer(1, 10_000_000),
  'filter-conditions-max': integer(1, 100_000),
  'dimensions-max': integer(1, 65_536),
  'text-ids': z.enum(['on', 'off'], { error: 'must be on or off' }),
  shards: integer(1, SHARDS_MAX),
  'index-workers': integer(1, 64),
  'payload-index-bytes-max': integer(0, Number.MAX_SAFE_INTEGER),
  'index-pending-bytes-max': integer(1024 * 1024, 2 ** 46),
  'index-pending-bytes-slow': integer(1024 * 1024, 2 ** 46),
  'memory-max': integer(64 * 1024 * 1024, 2 ** 46),
  'map-size': integer(1024 * 1024, 2 ** 46),
  'request-timeout-ms': integer(100, 24 * 3600 * 1000),
  'header-timeout-ms': integer(100, 600_000),
  'connections-max': integer(1, 1_000_000),
  'links-max': integer(1, 100_000),
  'link-buffer-bytes-max': integer(FRAME_BYTES_MAX, 2 ** 32),
  'first-message-ms': integer(100, 600_000),
  'rooms-max': integer(1, 1_000_000),
  'rooms-per-address-max': integer(1, 1_000_000),
  'room-message-bytes-max': integer(1024, FRAME_BYTES_MAX),
  'room-buffer-bytes-max': integer(1024 * 1024, 2 ** 32),
  'conflicts-max': integer(1, 1_000_000),
  'conflict-bytes-max': integer(1024, 2 ** 34),
  'conflict-age-ms': integer(1000, 100 * 365 * 24 * 3600 * 1000),
  'scrub-ms': integer(1000, 365 * 24 * 3600 * 1000),
  'anti-entropy-ms': integer(100, 24 * 3600 * 1000),
  'drain-ms': integer(0, 600_000),
} as const

/**
 * Flags win over the environment.
 * @throws StoreError `BAD_REQUEST` whose message is one line: the flag, the value, and what to write instead.
 */
export const parseConfig = (flags: FlagValues, env: Readonly<Record<string, string | undefined>> = {}): Config => {
  refuseUnknown(flags, env)
  const texts = new Map(FLAGS.map((known) => [known.name, textsOf(known, flags, env)]))
  const one = <N extends keyof typeof SCHEMAS>(name: N): z.output<(typeof SCHEMAS)[N]> | undefined => {
    const text = texts.get(name)?.at(-1)
    return text === undefined ? undefined : (read(name, text) as z.output<(typeof SCHEMAS)[N]>)
  }
  const own = one('region') ?? refuse('--region is missing: name this region, as --region eu')
  const number = one('replica-number') as ReplicaId | undefined
  const peers = (texts.get('peer') ?? []).map((text) => read('peer', text) as PeerAddress)
  const apiKey = one('api-key')
  const readOnlyApiKey = one('read-only-api-key')
  const keys = one('keys') ?? []
  const hasKeys = apiKey !== undefined || readOnlyApiKey !== undefined || keys.length > 0
  const origins = (texts.get('cors') ?? []).map((text) => read('cors', text) as string)
  if (origins.length > 1 && origins.some((each) => each === '*' || each === 'none'))
    refuse('--cors: * and none stand alone; name origins, or one of them')
  const config: Config = {
    region: own,
    replica: number ?? defaultReplicaId(own),
    host: one('host') ?? '127.0.0.1',
    port: one('port') ?? 6333,
    dataDir: one('data') ?? `./data/${own}`,
    peers: Object.freeze(peers),
    joins: one('join') === 'on',
    apiKey,
    readOnlyApiKey,
    keys,
    // An open region would be at the mercy of every page that its users visit.
    corsOrigins: Object.freeze(origins.length > 0 ? origins.filter((each) => each !== 'none') : hasKeys ? ['*'] : []),
    clusterKey: one('cluster-key'),
    logLevel: one('log-level') ?? 'info',
    bodyBytesMax: one('body-bytes-max') ?? 32 * 1024 * 1024,
    jsonDepthMax: one('json-depth-max') ?? 32,
    snapshotBytesMax: one('snapshot-bytes-max') ?? 16 * 1024 ** 3,
    snapshotTimeoutMs: one('snapshot-timeout-ms') ?? 3_600_000,
    areSnapshotUrlsTaken: one('snapshot-urls') !== 'off',
    batchPointsMax: one('batch-points-max') ?? 65_536,
    limitMax: one('limit-max') ?? 100_000,
    filterConditionsMax: one('filter-conditions-max') ?? 1000,
    dimensionsMax: one('dimensions-max') ?? 65_536,
    areTextIdsTaken: one('text-ids') !== 'off',
    shards: one('shards') ?? SHARDS_DEFAULT,
    indexWorkers: one('index-workers') ?? workersDefault(),
    payloadIndexBytesMax: one('payload-index-bytes-max') ?? 1024 ** 3,
    indexPendingBytesMax: one('index-pending-bytes-max') ?? 256 * 1024 * 1024,
    indexPendingBytesSlow: one('index-pending-bytes-slow') ?? 64 * 1024 * 1024,
    memoryMaxBytes: one('memory-max') ?? memoryMaxDefault(),
    mapSizeBytes: one('map-size') ?? 64 * 1024 ** 3,
    requestTimeoutMs: one('request-timeout-ms') ?? 60_000,
    headerTimeoutMs: one('header-timeout-ms') ?? 15_000,
    connectionsMax: one('connections-max') ?? 10_000,
    linksMax: one('links-max') ?? 256,
    linkBufferBytesMax: one('link-buffer-bytes-max') ?? 64 * 1024 * 1024,
    firstMessageMs: one('first-message-ms') ?? 10_000,
    roomsMax: one('rooms-max') ?? 1_000,
    roomsPerAddressMax: one('rooms-per-address-max') ?? 500,
    roomMessageBytesMax: one('room-message-bytes-max') ?? 1024 * 1024,
    roomBufferBytesMax: one('room-buffer-bytes-max') ?? 64 * 1024 * 1024,
    conflictsMax: one('conflicts-max') ?? DEFAULT_SETTINGS.conflictsMax,
    conflictBytesMax: one('conflict-bytes-max') ?? DEFAULT_SETTINGS.conflictBytesMax,
    conflictAgeMs: one('conflict-age-ms') ?? DEFAULT_SETTINGS.conflictAgeMs,
    scrubMs: one('scrub-ms') ?? DEFAULT_SETTINGS.scrubMs,
    antiEntropyMs: one('anti-entropy-ms') ?? DEFAULT_SETTINGS.antiEntropyMs,
    drainMs: one('drain-ms') ?? 5000,
  }
  refuseCollisions(config, number !== undefined)
  return Object.freeze(config)
}

const refuse = (line: string): never => {
  throw new StoreError('BAD_REQUEST', line)
}

const refuseUnknown = (flags: FlagValues, env: Readonly<Record<string, string | undefined>>): void => {
  const known = new Set(FLAGS.map(({ name }) => name))
  for (const name of Object.keys(flags))
    if (!known.has(name)) refuse(`--${name} is not a setting: see --help for those that are`)
  const variables = new Set([...FLAGS.map((each) => each.env), 'MERIDIAN_COMMIT'])
  for (const name of Object.keys(env))
    if (name.startsWith('MERIDIAN_') && !variables.has(name))
      refuse(`${name} is not a setting: unset it, or use one of ${[...variables].slice(0, 6).join(', ')} ...`)
}

const textsOf = (known: Flag, flags: FlagValues, env: Readonly<Record<string, string | undefined>>): string[] => {
  const given = flags[known.name]
  if (given !== undefined && given.length > 0) return typeof given === 'string' ? [given] : [...given]
  const variable = env[known.env]
  if (variable === undefined || variable === '') return []
  return known.isList
    ? variable
        .split(',')
        .map((text) => text.trim())
        .filter((text) => text !== '')
    : [variable]
}

const read = (name: keyof typeof SCHEMAS, text: string): unknown => {
  const result = SCHEMAS[name].safeParse(text)
  if (result.success) return result.data
  const known = FLAGS.find((each) => each.name === name)!
  const shown = known.isSecret ? '' : ` ${JSON.stringify(text)}`
  return refuse(`--${name}${shown} (or ${known.env}): ${result.error.issues[0]!.message}`)
}

/** Peers agree on each other's numbers by hashing names: two that hash alike would write as one replica. */
const refuseCollisions = (config: Config, isNumberGiven: boolean): void => {
  if (config.joins && config.peers.length === 0)
    refuse('--join on: there is nobody to join; name the active regions with --peer')
  const names = new Set<string>()
  for (const { region: name } of config.peers) {
    if (name === config.region) refuse(`--peer ${name}=...: this region is ${name} itself; name only the other regions`)
    if (names.has(name)) refuse(`--peer ${name}=...: ${name} is named twice; keep one address`)
    names.add(name)
    if (!isNumberGiven && defaultReplicaId(name) === config.replica)
      refuse(
        `--region ${config.region}: it hashes to replica number ${config.replica}, as peer ${name} does; give each its own with --replica-number`,
      )
  }
}
