import { fork } from 'node:child_process'
import { once } from 'node:events'
import { encodeEntry, type ReplicaId } from '@meridian/core'
import { built } from './built.js'
import { atMost, type Goal } from './goal.js'
import { record } from './records.js'

export interface OverwritePlan {
  readonly records: number
  /** How often each is written: once, and so many times less one again. */
  readonly rounds: number
  readonly dims: number
  /** Records of a write. */
  readonly batch: number
}

export const OVERWRITE_PLAN: OverwritePlan = { records: 1_000_000, rounds: 10, dims: 16, batch: 100 }

/** Right after the last write of a round, with whatever is left to clean. */
export interface Round {
  readonly round: number
  readonly recordsPerSecond: number
  readonly longestWriteMs: number
  /** Of JavaScript, after a full garbage collection, less what an empty store takes. */
  readonly heapBytes: number
  /** Of typed arrays, outside the heap. */
  readonly bufferBytes: number
  /** Resident, mapped files apart. */
  readonly ownBytes: number
  /** Of all blocks that are in a lane. */
  readonly blockBytes: number
  /** Taken on the disk, free pages of the file included. */
  readonly diskBytes: number
  readonly blocksCleaned: number
}

/** @throws Error when a record is missing afterwards */
export const overwrite = async (plan: OverwritePlan): Promise<Round[]> => {
  const args = [plan.records, plan.rounds, plan.dims, plan.batch].map(String)
  const child = fork(built('overwrite-main'), args, {
    execArgv: ['--expose-gc'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const rounds: Round[] = []
  child.on('message', (round) => rounds.push(round as Round))
  const [code] = (await once(child, 'exit')) as [number | null]
  if (code !== 0 || rounds.length !== plan.rounds) throw new Error(`the process ended with ${code}`)
  return rounds
}

/** Bytes of one record as an entry of a block. */
export const liveBytesOf = (dims: number): number => {
  const { id, payload, vectors } = record(1, dims)
  const stamp = { ms: 1_790_000_000_000, counter: 3, writer: 1 as ReplicaId }
  return encodeEntry({ kind: 'put', id, payload, vectors, stamp }).length
}

export const overwriteGoals = (plan: OverwritePlan, rounds: readonly Round[]): Goal[] => {
  const first = rounds[0]!
  const most = (of: (round: Round) => number): number => Math.max(...rounds.map(of))
  const held = (round: Round): number => round.heapBytes + round.bufferBytes
  return [
    atMost('heap and typed arrays a record over the first round', 1.2, most(held) / held(first)),
    atMost(
      'disk bytes over live bytes',
      2.5,
      most(({ diskBytes }) => diskBytes) / (plan.records * liveBytesOf(plan.dims)),
    ),
  ]
}
