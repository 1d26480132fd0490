import { type CollectionUid, parseCollectionUid, type RegionId, type ReplicaId, VersionVector } from '@meridian/core'
import type { LogEntry } from './log-entry.js'
import { PROTOCOL_VERSION, type Sent } from './message.js'

const replica = (number: number): ReplicaId => number as ReplicaId
const uid: CollectionUid = parseCollectionUid('0123456789abcdef')
const vector = (...seqs: number[]): VersionVector =>
  VersionVector.of(seqs.map((seq, i) => [replica(i + 1), seq] as const))
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)

/** One of every shape that a message takes. */
export const GOLDEN_MESSAGES: Readonly<Record<string, Sent>> = {
  hello: {
    type: 'hello',
    protocol: PROTOCOL_VERSION,
    region: 'eu-west-1' as RegionId,
    replica: replica(7),
    storeId: '00112233445566ff',
    joins: true,
    isActive: false,
    instance: 0xfeed0001,
    blockBytes: 0,
    durable: vector(1, 300, 70_000),
  },
  'hello-empty': {
    type: 'hello',
    protocol: PROTOCOL_VERSION,
    region: 'a' as RegionId,
    replica: replica(255),
    storeId: 'ffffffffffffffff',
    joins: false,
    isActive: true,
    instance: 0,
    blockBytes: 2 ** 40,
    durable: VersionVector.ZERO,
  },
  refuse: { type: 'refuse', code: 'IDENTITY_CONFLICT', reason: 'region eu is our own name — Ü' },
  update: {
    type: 'update',
    origin: replica(2),
    seq: 2 ** 40,
    atMs: 1_700_000_000_123,
    parts: [
      { kind: 'shard', uid, shard: 0, update: bytes(1, 2, 3) },
      { kind: 'shard', uid, shard: 255, update: bytes() },
      { kind: 'catalog', changes: [bytes(9), bytes(), bytes(8, 7)] },
    ],
  },
  'update-empty': { type: 'update', origin: replica(1), seq: 1, atMs: 0, parts: [] },
  acked: { type: 'acked', resync: false, durable: vector(5, 6) },
  resync: { type: 'acked', resync: true, durable: VersionVector.ZERO },
  heartbeat: {
    type: 'heartbeat',
    wallMs: 1_700_000_000_123,
    echoMs: 1_699_999_999_999,
    heldMs: 200,
    durable: vector(1, 2, 3),
    indexed: vector(1, 2),
    sent: vector(9, 9, 9),
    links: [replica(1), replica(200)],
    catalog: '',
  },
  'heartbeat-digest': {
    type: 'heartbeat',
    wallMs: 1,
    echoMs: 0,
    heldMs: 0,
    durable: vector(1),
    indexed: VersionVector.ZERO,
    sent: vector(1),
    links: [],
    catalog: '00ff123456789abc',
  },
  offer: { type: 'offer', origin: replica(3) },
  want: {
    type: 'want',
    transfer: 0xdeadbeef,
    origin: replica(3),
    cursors: [
      {
        uid,
        shard: 1,
        clocks: new Map([
          [(3 << 24) + 1, 17],
          [(3 << 24) + 2, 100_000],
        ]),
      },
      { uid, shard: 2, clocks: new Map() },
    ],
  },
  catalog: { type: 'catalog', transfer: 1, number: 1, saved: bytes(0x85, 0x6f, 0x4a, 0x83), isLast: true },
  'catalog-piece': { type: 'catalog', transfer: 1, number: 300, saved: bytes(0x85, 0x6f), isLast: false },
  chunk: { type: 'chunk', transfer: 1, number: 2, uid, shard: 3, update: bytes(0, 1, 2) },
  end: { type: 'end', transfer: 1, number: 3, seq: 123_456_789 },
  got: { type: 'got', transfer: 1, number: 3 },
  ask: { type: 'ask', nonce: 0xfedcba98 },
  need: { type: 'need', vector: vector(1, 300) },
  answer: { type: 'answer', nonce: 1, durable: vector(1, 300), indexed: vector(1, 2) },
  digests: {
    type: 'digests',
    isAnswer: true,
    vector: vector(1, 300),
    shards: [
      { uid, shard: 0, digest: '00112233445566ff' },
      { uid, shard: 255, digest: 'ffffffffffffffff' },
    ],
  },
  leaves: {
    type: 'leaves',
    uid,
    shard: 3,
    vector: vector(7),
    leaves: Uint8Array.from(
      { length: 4096 * 8 },
      (_, at) => [0, (at >> 3) >> 8, (at >> 3) & 255][Math.max(0, (at & 7) - 5)]!,
    ),
  },
  states: {
    type: 'states',
    uid,
    shard: 3,
    vector: vector(7),
    leaves: [0, 4095],
    records: [
      { id: 7, hash: '00112233445566ff' },
      { id: 'some text', hash: '0000000000000001' },
    ],
  },
  differ: { type: 'differ', uid, shard: 3, ids: [7, 'some text', '550e8400-e29b-41d4-a716-446655440000'] },
  fetch: { type: 'fetch', uid, shard: 3, client: (2 << 24) + 1, clock: 300 },
  'block-here': {
    type: 'block',
    uid,
    shard: 255,
    client: 255 * 2 ** 24 + 7,
    clock: 2 ** 31,
    is: 'here',
    durable: vector(1, 300),
    bytes: bytes(1, 2, 3),
  },
  'block-removed': {
    type: 'block',
    uid,
    shard: 0,
    client: (1 << 24) + 1,
    clock: 0,
    is: 'removed',
    durable: vector(9),
    bytes: bytes(),
  },
  changes: { type: 'changes', saved: bytes(0x85, 0x6f, 0x4a, 0x83) },
  pledge: { type: 'pledge', seq: 300, ms: 1_700_000_000_123 },
  trace: { type: 'trace', nonce: 7, uid, id: '550e8400-e29b-41d4-a716-446655440000' },
  traced: {
    type: 'traced',
    nonce: 2 ** 32 - 1,
    report: {
      state: 'deleted',
      deletedAtMs: 1_700_000_000_123,
      ...{ log: 'clear', blocks: 'holds', conflicts: 'unknown', graph: 'holds', files: 'clear' },
      snapshots: [{ name: 'c-eu-2024.snapshot', createdAt: '2024-01-02T03:04:05' }],
      unread: 300,
      waitingFor: ['region us', 'the next snapshot'],
    },
  },
  'traced-nothing': {
    type: 'traced',
    nonce: 0,
    report: {
      state: 'absent',
      deletedAtMs: undefined,
      ...{ log: 'clear', blocks: 'clear', conflicts: 'clear', graph: 'clear', files: 'clear' },
      ...{ snapshots: [], unread: 0, waitingFor: [] },
    },
  },
}

export const GOLDEN_LOG_ENTRIES: Readonly<Record<string, LogEntry>> = {
  shard: {
    atMs: 1_700_000_000_123,
    totalBytes: 123_456_789_012,
    touched: [
      {
        kind: 'shard',
        uid,
        shard: 3,
        blocks: [{ client: (2 << 24) + 1, clock: 300, length: 2 }],
        removed: [
          { client: (2 << 24) + 1, clock: 0, length: 100 },
          { client: (2 << 24) + 1, clock: 200, length: 1 },
        ],
      },
    ],
  },
  catalog: { atMs: 1, totalBytes: 40, touched: [{ kind: 'catalog', changes: [bytes(1, 2, 3), bytes()] }] },
  empty: { atMs: 0, totalBytes: 0, touched: [] },
}
