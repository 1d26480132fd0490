import { SHARDS_DEFAULT } from '@meridian/core'
import { DEFAULT_SETTINGS } from '@meridian/replica'

export const LOG_LEVELS = ['silent', 'error', 'warn', 'info', 'debug'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** One setting: a flag of `meridian serve`, and the same as an environment variable. */
export interface Flag {
  readonly name: string
  readonly env: string
  readonly placeholder: string
  readonly meaning: string
  /** As shown to people; `undefined` when the flag is required or off. */
  readonly fallback: string | undefined
  /** May be given more than once; in the environment, separated by commas. */
  readonly isList?: true
  /** What the flag alone, without a value, says. */
  readonly alone?: string
  /** Never shown in an error line. */
  readonly isSecret?: true
}

const flag = (
  name: string,
  placeholder: string,
  meaning: string,
  fallback?: string,
  more: Partial<Flag> = {},
): Flag => ({
  name,
  env: `MERIDIAN_${name.toUpperCase().replaceAll('-', '_')}`,
  placeholder,
  meaning,
  fallback,
  ...more,
})

/** Every setting, in the order of the documentation. */
export const FLAGS: readonly Flag[] = [
  flag('region', 'NAME', 'name of this region: 1-32 of a-z, 0-9 and -, starting with a letter (required)'),
  flag('replica-number', 'N', 'number of this replica, 1-255, different in every region', 'hash of the region name'),
  flag('host', 'ADDRESS', 'address to listen on; 0.0.0.0 for every interface', '127.0.0.1'),
  flag('port', 'PORT', 'port of HTTP, peer links and rooms; 0 takes any free one', '6333'),
  flag('data', 'DIR', 'directory of everything that is stored', './data/REGION'),
  flag('peer', 'REGION=URL', 'another region and where it listens', undefined, { isList: true }),
  flag('join', 'on|off', 'a new data directory joins the cluster of its peers instead of founding one', 'off', {
    alone: 'on',
  }),
  flag('api-key', 'KEY', 'key that clients must send', undefined, { isSecret: true }),
  flag('read-only-api-key', 'KEY', 'key that may only read', undefined, { isSecret: true }),
  flag('keys', 'FILE', 'JSON file of more keys: [{name, key or sha256, access, collections}]'),
  flag('cors', 'ORIGIN', 'origin whose pages may call; * for all, none for none', '* with keys, else none', {
    isList: true,
  }),
  flag('cluster-key', 'KEY', 'key that peers must send', undefined, { isSecret: true }),
  flag('log-level', 'LEVEL', LOG_LEVELS.join(', '), 'info'),
  flag('body-bytes-max', 'BYTES', 'largest request body', '33554432'),
  flag('json-depth-max', 'N', 'deepest nesting of a request body', '32'),
  flag('snapshot-bytes-max', 'BYTES', 'largest snapshot file that may be uploaded or fetched', '17179869184'),
  flag('snapshot-timeout-ms', 'MS', 'longest time for a snapshot to be uploaded or fetched', '3600000'),
  flag('snapshot-urls', 'on|off', 'whether a restore may fetch its snapshot from a URL', 'on'),
  flag('batch-points-max', 'N', 'most points one write may name', '65536'),
  flag('limit-max', 'N', 'largest limit and offset of a read', '100000'),
  flag('filter-conditions-max', 'N', 'most conditions of one filter', '1000'),
  flag('dimensions-max', 'N', 'most dimensions of a vector', '65536'),
  flag('text-ids', 'on|off', 'whether ids may be strings other than UUIDs', 'on'),
  flag('shards', 'N', 'shards of a collection whose creation names none', String(SHARDS_DEFAULT)),
  flag('index-workers', 'N', 'most threads that hold and search vectors', 'cores - 1, from 1 to 16'),
  flag(
    'payload-index-bytes-max',
    'BYTES',
    'memory of all payload indexes; past it filters look at payloads',
    '1073741824',
  ),
  flag('index-pending-bytes-max', 'BYTES', 'vectors of a collection that may wait to be indexed', '268435456'),
  flag('index-pending-bytes-slow', 'BYTES', 'of those, where writes slow down to the pace of the graph', '67108864'),
  flag('memory-max', 'BYTES', 'memory at which writes are refused', '85 % of the container or machine'),
  flag('map-size', 'BYTES', 'address space reserved for the data file; it grows by itself', '68719476736'),
  flag('request-timeout-ms', 'MS', 'longest time for a request to arrive', '60000'),
  flag('header-timeout-ms', 'MS', 'longest time for the headers of a request to arrive', '15000'),
  flag('connections-max', 'N', 'most connections at a time; more are closed at once', '10000'),
  flag('links-max', 'N', 'most links that peers may hold; more are answered 503', '256'),
  flag('link-buffer-bytes-max', 'BYTES', 'bytes that may wait for a peer that does not read', '67108864'),
  flag('first-message-ms', 'MS', 'longest wait for the first message of a link or a room', '10000'),
  flag('rooms-max', 'N', 'most connections to rooms; more are answered 503', '1000'),
  flag('rooms-per-address-max', 'N', 'of those, most of one address', '500'),
  flag('room-message-bytes-max', 'BYTES', 'largest message of a client of a room', '1048576'),
  flag('room-buffer-bytes-max', 'BYTES', 'bytes that may wait for a client of a room that does not read', '67108864'),
  flag('conflicts-max', 'N', 'listed conflicts of a collection', String(DEFAULT_SETTINGS.conflictsMax)),
  flag('conflict-bytes-max', 'BYTES', 'bytes of them: both writes', String(DEFAULT_SETTINGS.conflictBytesMax)),
  flag('conflict-age-ms', 'MS', 'age at which a conflict goes from the list', String(DEFAULT_SETTINGS.conflictAgeMs)),
  flag('scrub-ms', 'MS', 'time in which every stored block is read once', String(DEFAULT_SETTINGS.scrubMs)),
  flag('anti-entropy-ms', 'MS', 'time between comparisons with the peers', String(DEFAULT_SETTINGS.antiEntropyMs)),
  flag('drain-ms', 'MS', 'longest wait for requests under way when stopping', '5000'),
]

/** Values by flag name, as a command line gives them. */
export type FlagValues = Readonly<Record<string, string | readonly string[] | undefined>>
