import { encodeBlock } from '../block.js'
import type { KnownWrite } from '../conflict.js'
import type { Entry } from '../entry.js'
import { decodeEntryHead, encodeEntry } from '../entry-codec.js'
import { compareStamps } from '../hlc.js'
import type { ReplicaId } from '../ids.js'
import type { PointId } from '../point-id.js'
import { VersionVector } from '../version-vector.js'
import type { SeededRandom } from './seeded-random.js'

/** One transaction of a made-up history: what a replica wrote, and what it had heard of then. */
export interface GossipWrite {
  readonly known: KnownWrite
  readonly entry: Entry
  /** A block that holds the entry alone. */
  readonly block: Uint8Array
}

/**
 * Replicas that write a few records and hear of each other's writes now and then: of each origin in its order, of different ones
 * in any. Stamps follow what was heard, as a hybrid logical clock's do.
 */
export const gossip = (random: SeededRandom, replicas: number, writes: number, ids: readonly PointId[]) => {
  const all: GossipWrite[] = []
  const of = Array.from({ length: replicas }, (_, i) => ({
    id: (i + 1) as ReplicaId,
    seen: VersionVector.ZERO,
    ms: 100,
  }))
  for (let i = 0; i < writes; i++) {
    const writer = random.pick(of)
    for (const peer of of) {
      const upTo = random.chance(0.4) ? random.int(peer.seen.get(peer.id) + 1) : 0
      if (peer === writer || upTo <= writer.seen.get(peer.id)) continue
      writer.seen = writer.seen.advance(peer.id, upTo)
      for (const { known } of all)
        if (writer.seen.covers(known.dot)) writer.ms = Math.max(writer.ms, known.head.stamp.ms)
    }
    writer.ms += 1 + random.int(3)
    const stamp = { ms: writer.ms, counter: 0, writer: writer.id }
    const entry = anyOf(random, random.pick(ids), stamp)
    const dot = { replica: writer.id, seq: writer.seen.get(writer.id) + 1 }
    const bytes = encodeEntry(entry)
    all.push({
      known: { head: decodeEntryHead(bytes), dot, seen: writer.seen },
      entry,
      block: encodeBlock({ seq: dot.seq, seen: writer.seen, moved: false, entries: [bytes] }),
    })
    writer.seen = writer.seen.advance(writer.id, dot.seq)
  }
  return all.sort((a, b) => compareStamps(a.known.head.stamp, b.known.head.stamp))
}

const anyOf = (random: SeededRandom, id: PointId, stamp: Entry['stamp']): Entry => {
  const roll = random.int(10)
  const payload = Object.fromEntries(['a', 'b'].filter(() => random.chance(0.5)).map((key) => [key, random.int(1e6)]))
  const vectors = new Map(random.chance(0.5) ? [['', Float32Array.of(random.float(), random.float())]] : [])
  if (roll < 4) return { kind: 'put', id, stamp, vectors, payload }
  if (roll < 5) return { kind: 'delete', id, stamp }
  const [clear, unset] = [random.chance(0.2), random.chance(0.2) ? ['b'] : []]
  return { kind: 'patch', id, stamp, clear, set: payload, unset, vectors, dropVectors: [] }
}
