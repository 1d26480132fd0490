import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { atMost } from './goal.js'
import { RegionChild } from './region-child.js'
import { countOption, goalLines, machine, type Report } from './report.js'
import { table } from './table.js'

const COLLECTION = 'bench'
/** More than it takes until the last of it is given back. */
const IDLE_MS = 12_000
/** What a region may take besides. */
const BASE_BYTES = 150e6
const SHARE = { float32: 1.35, int8: 0.5 } as const

interface Resident {
  /** The process's own. */
  readonly anonymous: number
  /** Pages of mapped files, the store's among them: the system takes them back when it needs them. */
  readonly files: number
}

/** @throws Error where there is no `/proc` */
const residentOf = (pid: number): Resident => {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const bytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024
  return { anonymous: bytes('RssAnon'), files: bytes('RssFile') + bytes('RssShmem') }
}

/** A connection that was idle while this machine held the process is closed under a request. */
const FAILURES_MAX = 5

/** Until as many are in the graph; a collection of one vector without a name. */
const indexed = async ({ port, process: child }: RegionChild, rows: number): Promise<void> => {
  for (let failures = 0; ; ) {
    try {
      const response = await fetch(`http://127.0.0.1:${port}/collections/${COLLECTION}`)
      failures = 0
      if (response.ok) {
        const { result } = (await response.json()) as { result: { indexed_vectors_count: number } }
        if (result.indexed_vectors_count >= rows) return
      }
    } catch (error) {
      if (child.exitCode !== null || child.signalCode !== null)
        throw new Error(`the region ended with ${child.signalCode ?? child.exitCode}`, { cause: error })
      if (++failures === FAILURES_MAX)
        throw new Error(`the region does not answer: ${causeOf(error)}`, { cause: error })
    }
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

/** `fetch` says no more than that it failed. */
const causeOf = (error: unknown): string => String(error instanceof Error ? (error.cause ?? error) : error)

/** Has the graph hold codes. */
const quantize = async (port: number): Promise<void> => {
  const response = await fetch(`http://127.0.0.1:${port}/collections/${COLLECTION}`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ quantization_config: { scalar: { type: 'int8' } } }),
  })
  if (!response.ok) throw new Error(`quantization was refused: ${await response.text()}`)
}

/** One region's process: empty, with all records just written, and started again with them; each once it has been left alone. */
export const runMemory = async (args: readonly string[]): Promise<Report> => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rows: { type: 'string', default: '60000' },
      dims: { type: 'string', default: '784' },
      int8: { type: 'boolean', default: false },
    },
  })
  const rows = countOption('rows', values.rows, 1000, 1e7)
  const dims = countOption('dims', values.dims, 2, 4096)
  const kind = values.int8 ? 'int8' : 'float32'
  const directory = await mkdtemp(join(tmpdir(), 'meridian-bench-'))
  const figures: { what: string; resident: Resident }[] = []
  const look = async (what: string, region: RegionChild): Promise<void> => {
    await new Promise((resolve) => setTimeout(resolve, IDLE_MS))
    figures.push({ what, resident: residentOf(region.process.pid!) })
  }
  try {
    {
      await using region = await RegionChild.open('eu', 'graph', { data: directory })
      await region.ask({ type: 'create', collection: COLLECTION, dims })
      if (kind === 'int8') await quantize(region.port)
      await look('empty', region)
      await region.ask({ type: 'write', collection: COLLECTION, from: 0, to: rows, batch: 100, writers: 4, dims })
      await indexed(region, rows)
      await look('written', region)
    }
    await using region = await RegionChild.open('eu', 'graph', { data: directory })
    await indexed(region, rows)
    await look('started again', region)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
  const vectorBytes = rows * dims * 4
  const { anonymous, files } = figures.at(-1)!.resident
  const limit = SHARE[kind] * vectorBytes + BASE_BYTES
  const goals = [
    atMost(`own bytes over ${SHARE[kind]} of the vectors and 150 MB`, 1, anonymous / limit),
    // The harder reading: with pages of the store that the system keeps for whoever has looked at them, and takes back.
    atMost('own bytes and file pages over the same', 1, (anonymous + files) / limit),
  ]
  const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1)
  const lines = figures.map(({ what, resident }) => [
    what,
    megabytes(resident.anonymous),
    megabytes(resident.files),
    ((resident.anonymous + resident.files) / vectorBytes).toFixed(2),
  ])
  const text = [
    `${rows} x ${dims}, ${kind} in the graph; as float32 ${megabytes(vectorBytes)} MB`,
    table(['region', 'own MB', 'file pages MB', 'of the vectors'], lines),
    ...goalLines(goals),
  ].join('\n')
  return { json: { benchmark: 'memory', machine: machine(), rows, dims, kind, vectorBytes, figures, goals }, text }
}
