import { createHash, type Hash } from 'node:crypto'
import { closeSync, fdatasync, fstatSync, ftruncateSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { promisify } from 'node:util'
import { type Metric, malformed, StoreError } from '@meridian/core'
import { ENGINE } from './graph.js'
import { formBytes, type NumberForm, type Numbers, readNumbers, roomFor, writeNumbers } from './number-form.js'

/** Read in one go. */
const PIECE_BYTES = 1024 * 1024

/**
 * The whole vectors behind a graph of codes, in a file: as they are stored, in the machine's order, that of label 0 first. It only grows, so that
 * a snapshot may name its beginning and a crash after that harms nothing. Read with positions instead of being mapped: what was read
 * lies in the system's cache, and is no memory of this process.
 */
export class VectorFile {
  readonly #fd: number
  readonly #hash: Hash
  readonly #room: Numbers
  readonly #perPiece: number
  #end: number
  #isFull = false
  /** A snapshot goes by it: it outlives this object. */
  isNamed = false
  #isClosed = false

  private constructor(
    readonly path: string,
    readonly dims: number,
    readonly form: NumberForm,
    fd: number,
    hash: Hash,
    end: number,
  ) {
    this.#fd = fd
    this.#hash = hash
    this.#end = end
    this.#perPiece = Math.max(1, Math.floor(PIECE_BYTES / this.#vectorBytes))
    this.#room = roomFor(form, this.#perPiece * dims)
  }

  /** @throws Error of the system */
  static create(path: string, dims: number, form: NumberForm = 'float32'): VectorFile {
    return new VectorFile(path, dims, form, openSync(path, 'wx+'), createHash('sha256'), 0)
  }

  /** The first `end` vectors of a file, if they are what `digest` was made of; what comes after them is cut off. @throws StoreError `DECODE_FAILED` */
  static open(path: string, dims: number, end: number, digest: Uint8Array, form: NumberForm = 'float32'): VectorFile {
    const fd = openSync(path, 'r+')
    try {
      const size = end * dims * formBytes(form)
      if (fstatSync(fd).size < size) throw malformed('file of vectors is cut short')
      const hash = createHash('sha256')
      const room = Buffer.allocUnsafeSlow(PIECE_BYTES)
      for (let at = 0; at < size; ) {
        const count = readSync(fd, room, 0, Math.min(room.length, size - at), at)
        if (count === 0) throw malformed('file of vectors is cut short')
        hash.update(room.subarray(0, count))
        at += count
      }
      if (!hash.copy().digest().equals(digest)) throw malformed('checksum of the vectors does not match')
      ftruncateSync(fd, size)
      const file = new VectorFile(path, dims, form, fd, hash, end)
      file.isNamed = true
      return file
    } catch (error) {
      closeSync(fd)
      throw error
    }
  }

  /** Vectors that it has: those of the labels below. */
  get end(): number {
    return this.#end
  }

  get #vectorBytes(): number {
    return this.dims * formBytes(this.form)
  }

  /** The vector of label `end`, which the form holds. `false`: it cannot be written, and none will be after it. */
  append(vector: Float32Array): boolean {
    if (this.#isFull) return false
    writeNumbers(vector, this.#room, 0)
    const bytes = bytesOf(this.#room.subarray(0, this.dims))
    try {
      for (let done = 0; done < bytes.length; )
        done += writeSync(this.#fd, bytes, done, bytes.length - done, this.#end * this.#vectorBytes + done)
    } catch {
      this.#isFull = true
      return false
    }
    this.#hash.update(bytes)
    this.#end++
    return true
  }

  /** @throws StoreError `STORAGE_FAILED` */
  read(label: number, into: Float32Array): void {
    const room = this.#room.subarray(0, into.length)
    this.#readAt(label, bytesOf(room))
    readNumbers(room, 0, into)
  }

  /** As `ScoreVectors`, of the vectors of labels. @throws StoreError `STORAGE_FAILED` */
  score(metric: Metric, query: Float32Array, labels: Uint32Array, scores: Float32Array): void {
    for (let first = 0; first < labels.length; first += this.#perPiece) {
      const count = Math.min(this.#perPiece, labels.length - first)
      for (let i = 0; i < count; ) {
        let run = 1
        while (i + run < count && labels[first + i + run] === labels[first + i]! + run) run++
        this.#readAt(labels[first + i]!, bytesOf(this.#room.subarray(i * this.dims, (i + run) * this.dims)))
        i += run
      }
      const positions = Uint32Array.from({ length: count }, (_, i) => i)
      ENGINE.scoreVectors(metric, query, [this.#room], this.#perPiece, positions, scores.subarray(first))
    }
  }

  /** Of all that it has. */
  digest(): Uint8Array {
    return this.#hash.copy().digest()
  }

  /** What it has when this is called is on the disk afterwards. @throws Error of the system */
  async sync(): Promise<void> {
    if (!this.#isClosed) await flushed(this.#fd)
  }

  /** Takes one along that no snapshot names. Safe to call twice. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    closeSync(this.#fd)
    if (!this.isNamed) rmSync(this.path, { force: true })
  }

  #readAt(label: number, into: Uint8Array): void {
    const at = label * this.#vectorBytes
    try {
      for (let done = 0; done < into.length; ) {
        const count = readSync(this.#fd, into, done, into.length - done, at + done)
        if (count === 0) throw malformed('it is cut short')
        done += count
      }
    } catch (cause) {
      throw new StoreError('STORAGE_FAILED', `vectors of the index cannot be read: ${String(cause)}`, { cause })
    }
  }
}

const flushed = promisify(fdatasync)

const bytesOf = ({ buffer, byteOffset, byteLength }: Numbers): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)
