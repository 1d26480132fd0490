import { createHash } from 'node:crypto'
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Log, malformed, type SpaceRef, StoreError, type VectorParams } from '@meridian/core'
import { Buried, idHash } from './buried.js'
import { Embedding } from './embedding.js'
import { ENGINE, Graph } from './graph.js'
import { checkGraphFile, eachVector } from './graph-file.js'
import { NO_ROW } from './keeper.js'
import { Layer, type VectorFiles } from './layer.js'
import { PLANNER } from './planner.js'
import { formOf } from './number-form.js'
import { isQuantized, Quantizer } from './quantizer.js'
import { decodeHead, encodeHead, type SnapshotHead, type SnapshotLabel } from './snapshot-codec.js'
import { Space } from './space.js'
import { VectorFile } from './vector-file.js'

/** Whose vectors the files of a space hold, dead ones too: hashes of ids, by label. */
export type Contents = Float64Array

/**
 * The snapshots of all spaces, derived and disposable: two files a space in `directory`, named by a hash of the space.
 * `NAME.GENERATION.graph` is hnswlib's own file; `NAME.head` says which graph file is meant, its checksum, and which vector
 * stands behind each label. Replacing the head is what makes a snapshot: a crash before it leaves the older one whole. Of a graph of
 * codes there is a third, `NAME.NUMBER.vectors`, which the graph that serves goes on writing to; the head names its beginning.
 */
export class Snapshots {
  constructor(
    readonly directory: string,
    readonly log: Log,
  ) {
    mkdirSync(directory, { recursive: true })
  }

  /**
   * The space as it was written, all rows parked for their records to claim; `undefined` if there is no snapshot for these
   * parameters, or if one byte of it is not as it was written (said in the log; its files are deleted).
   */
  load(ref: SpaceRef, params: VectorParams): { readonly space: Space; readonly contents: Contents } | undefined {
    const name = nameOf(ref)
    const found = this.#filesOf(name)
    if (!found.includes(`${name}.head`)) {
      for (const file of found) rmSync(join(this.directory, file), { force: true })
      return undefined
    }
    try {
      const head = decodeHead(readFileSync(join(this.directory, `${name}.head`)))
      if (!isFor(head, ref, params)) throw malformed('snapshot of other parameters')
      const graph = graphFile(name, head.generation)
      const space = this.#read(head, graph, ref, params)
      // Of a crash between two generations.
      for (const file of found)
        if (isStale(file, graph, head.codes?.file)) rmSync(join(this.directory, file), { force: true })
      return { space, contents: contentsOf(head.labels) }
    } catch (error) {
      this.log.warn({ ...ref, error: String(error) }, 'index snapshot refused; rebuilding from records')
      this.drop(ref)
      return undefined
    }
  }

  /**
   * Writes what the graph holds now; changes during the wait are not part of it. Not for two saves of one space at a time.
   * `isWanted` is asked last: a space dropped meanwhile gets no files back. Resolves to what the files hold, once the older ones
   * are gone.
   * @throws StoreError `STORAGE_FAILED`; the previous snapshot stays, or the new one has taken its place already.
   */
  async save(ref: SpaceRef, space: Space, isWanted: () => boolean): Promise<Contents> {
    const layer = space.current
    if (layer === undefined) {
      this.drop(ref)
      return NOTHING
    }
    const name = nameOf(ref)
    const old = this.#filesOf(name)
    const generation = Math.max(0, ...old.map(generationOf)) + 1
    const graphName = graphFile(name, generation)
    const graphPath = join(this.directory, graphName)
    const { shape, lengths, quantizer } = layer.embedding
    let isNamed = false
    try {
      // The graph file and the labels are of one instant; hashing and flushing them may take their time.
      layer.graph.write(graphPath)
      const labels = labelsOf(space, layer)
      const vectors = layer.file
      // Whole vectors are in memory where there is no room for them on the disk: that is not written down, but read from the records.
      if (quantizer && vectors?.end !== labels.length) throw new Error('there is no room for the vectors')
      const codes = quantizer && vectors && { ...quantizer, file: numberOf(vectors.path), digest: vectors.digest() }
      await vectors?.sync()
      const handle = await open(graphPath, 'r+')
      let head: SnapshotHead
      try {
        await handle.sync()
        checkGraphFile(handle.fd, shape, labels.length)
        const graphBytes = (await handle.stat()).size
        const graphDigest = await digestOf(handle)
        const { params } = space
        const form = formOf(params)
        head = {
          space: ref,
          params,
          lengths,
          form,
          ...(codes && { codes }),
          generation,
          graphBytes,
          graphDigest,
          labels,
        }
      } finally {
        await handle.close()
      }
      const headPath = join(this.directory, `${name}.head`)
      await writeDurably(`${headPath}.tmp`, encodeHead(head))
      if (!isWanted()) throw new StoreError('SHUTTING_DOWN', 'the space is gone')
      await rename(`${headPath}.tmp`, headPath)
      isNamed = true
      if (vectors) vectors.isNamed = true
      await syncDirectory(this.directory)
      // Of the files of vectors, those that a layer of now writes to are no older ones.
      for (const file of old)
        if (isStale(file, graphName, codes?.file) && !space.uses(join(this.directory, file)))
          await rm(join(this.directory, file), { force: true })
      return contentsOf(labels)
    } catch (cause) {
      if (!isNamed) rmSync(graphPath, { force: true })
      rmSync(join(this.directory, `${name}.head.tmp`), { force: true })
      if (!isWanted()) return NOTHING
      throw new StoreError('STORAGE_FAILED', `index snapshot not written: ${String(cause)}`, { cause })
    }
  }

  drop(ref: SpaceRef): void {
    for (const file of this.#filesOf(nameOf(ref))) rmSync(join(this.directory, file), { force: true })
  }

  /** Where the whole vectors of a space go when its graph holds codes. */
  filesFor(ref: SpaceRef, params: VectorParams): VectorFiles {
    const name = nameOf(ref)
    return {
      create: () => {
        const number = Math.max(0, ...this.#filesOf(name).filter(isVectors).map(numberOf)) + 1
        try {
          return VectorFile.create(join(this.directory, vectorsFile(name, number)), params.size, formOf(params))
        } catch (error) {
          this.log.warn({ ...ref, error: String(error) }, 'no file for vectors: they stay in memory')
          return undefined
        }
      },
    }
  }

  /** Removes the files of all spaces but these. Returns how many there were. */
  sweep(kept: Iterable<SpaceRef>): number {
    const names = new Set([...kept].map(nameOf))
    const orphans = readdirSync(this.directory).filter((file) => {
      const name = FILE.exec(file)?.[1]
      return name !== undefined && !names.has(name)
    })
    for (const file of orphans) rmSync(join(this.directory, file), { force: true })
    return orphans.length
  }

  #filesOf(name: string): string[] {
    return readdirSync(this.directory).filter((file) => file.startsWith(`${name}.`))
  }

  #read(head: SnapshotHead, file: string, ref: SpaceRef, params: VectorParams): Space {
    const { codes } = head
    if (codes && !isQuantized({ ...params, quantization: codes })) throw malformed('codes where none can be')
    const quantizer = codes && new Quantizer(codes.low, codes.step, codes.quantile)
    const embedding = new Embedding({ ...params, ...head.params }, head.lengths, quantizer)
    const { shape } = embedding
    const slots = head.labels.length
    const path = join(this.directory, file)
    const space = new Space(params, PLANNER, this.filesFor(ref, params))
    const rowOf = new Uint32Array(Math.max(1024, slots)).fill(NO_ROW)
    const dead: number[] = []
    const buried = new Buried()
    const fd = openSync(path, 'r')
    try {
      checkGraphFile(fd, shape, slots)
      const digest = eachVector(fd, shape, slots, (label, vector) => {
        const known = head.labels[label]
        if (typeof known === 'object') {
          const own = ENGINE.keepsVectors ? undefined : embedding.original(vector)
          rowOf[label] = space.park(known.id, known.version, own)
        } else {
          dead.push(label)
          buried.add(label, known!)
        }
      })
      // Native code does not see a byte of it before this. (Damage may have been refused as a row, too: not a number.)
      if (!Buffer.from(digest).equals(head.graphDigest)) throw malformed('checksum of the graph does not match')
    } finally {
      closeSync(fd)
    }
    const vectors =
      codes &&
      VectorFile.open(
        join(this.directory, vectorsFile(nameOf(head.space), codes.file)),
        head.params.size,
        slots,
        codes.digest,
        head.form,
      )
    space.adopt(new Layer(embedding, Graph.load(shape, path, slots, dead), rowOf, buried, vectors))
    return space
  }
}

/** Hexadecimal, so that no collection name can reach outside the directory. */
const nameOf = (ref: SpaceRef): string =>
  createHash('sha256')
    .update(JSON.stringify([ref.collection, ref.vector]))
    .digest('hex')
    .slice(0, 32)

/** Files that are none of ours are left alone. */
const FILE = /^([0-9a-f]{32})\.(?:head|head\.tmp|\d+\.graph|\d+\.vectors)$/

const graphFile = (name: string, generation: number): string => `${name}.${generation}.graph`
const generationOf = (file: string): number => Number(/\.(\d+)\.graph$/.exec(file)?.[1] ?? 0)

const vectorsFile = (name: string, number: number): string => `${name}.${number}.vectors`
const isVectors = (file: string): boolean => file.endsWith('.vectors')
const numberOf = (file: string): number => Number(/\.(\d+)\.vectors$/.exec(file)?.[1] ?? 0)

/** A file of a graph, or of vectors, that the head does not name. */
const isStale = (file: string, graph: string, vectors: number | undefined): boolean =>
  (file.endsWith('.graph') && file !== graph) || (isVectors(file) && numberOf(file) !== vectors)

const isFor = (head: SnapshotHead, ref: SpaceRef, params: VectorParams): boolean =>
  head.space.collection === ref.collection &&
  head.space.vector === ref.vector &&
  head.form === formOf(params) &&
  head.params.size === params.size &&
  head.params.metric === params.metric &&
  head.params.hnsw.m === params.hnsw.m &&
  head.params.hnsw.efConstruct === params.hnsw.efConstruct

const NOTHING: Contents = new Float64Array(0)

const contentsOf = (labels: readonly (SnapshotLabel | number)[]): Contents =>
  Float64Array.from(labels, (label) => (typeof label === 'object' ? idHash(label.id) : label))

const labelsOf = (space: Space, layer: Layer): (SnapshotLabel | number)[] => {
  const labels: (SnapshotLabel | number)[] = []
  for (let label = 0; label < layer.graph.slots; label++) {
    const row = layer.rowOf(label)
    labels.push(row === NO_ROW ? layer.buried.at(label) : { id: space.idOf(row), version: space.versionOf(row) })
  }
  return labels
}

type Handle = Awaited<ReturnType<typeof open>>

const digestOf = async (handle: Handle): Promise<Uint8Array> => {
  const hash = createHash('sha256')
  const piece = Buffer.allocUnsafe(1024 * 1024)
  for (let at = 0; ; ) {
    const { bytesRead } = await handle.read(piece, 0, piece.length, at)
    if (bytesRead === 0) return hash.digest()
    hash.update(piece.subarray(0, bytesRead))
    at += bytesRead
  }
}

const writeDurably = async (path: string, bytes: Uint8Array): Promise<void> => {
  const handle = await open(path, 'w')
  try {
    await handle.writeFile(bytes)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

const syncDirectory = async (path: string): Promise<void> => {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
