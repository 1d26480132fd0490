import { randomBytes } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { MeridianClient } from '@meridian/client'
import { CliError } from '../exit.js'
import { type LinkOptions, RegionLink } from './region-link.js'

/** As the region lists it. */
export interface SnapshotInfo {
  readonly name: string
  /** UTC, to the second, without a zone. */
  readonly creation_time: string
  /** In bytes. */
  readonly size: number
  /** SHA-256 in hex. */
  readonly checksum: string
}

export interface RestoreOptions {
  readonly priority: 'snapshot' | 'replica'
  /** SHA-256 in hex, compared by the region when given. */
  readonly checksum?: string | undefined
}

/** An open file to send, and how long it was when it was opened. */
export interface SendableFile {
  readonly path: string
  readonly handle: FileHandle
  readonly bytes: number
}

/** The snapshot routes of one region. A `collection` of `undefined` is the whole store. Everything rejects with `ClientError`. */
export class SnapshotApi {
  readonly #client: MeridianClient
  readonly #link: RegionLink
  readonly #signal: AbortSignal

  constructor(options: LinkOptions) {
    this.#client = new MeridianClient({ url: options.url, apiKey: options.apiKey })
    this.#link = new RegionLink(options)
    this.#signal = options.signal
  }

  list(collection: string | undefined): Promise<SnapshotInfo[]> {
    return this.#client.call({ method: 'GET', path: pathOf(collection) }, { signal: this.#signal })
  }

  create(collection: string | undefined): Promise<SnapshotInfo> {
    return this.#link.result({ method: 'POST', path: `${pathOf(collection)}?wait=true` })
  }

  /** One try: after a lost answer a second one would say that there is no such snapshot. */
  async delete(collection: string | undefined, name: string): Promise<void> {
    const path = `${pathOf(collection)}/${encodeURIComponent(name)}?wait=true`
    await this.#client.call({ method: 'DELETE', path }, { signal: this.#signal, retry: false })
  }

  /** Bytes of a snapshot as they come in; asked for when the first is taken. */
  bytes(collection: string | undefined, name: string): AsyncIterable<Uint8Array> {
    return this.#link.bytes({ method: 'GET', path: `${pathOf(collection)}/${encodeURIComponent(name)}` })
  }

  /** Restores a snapshot that the region keeps. */
  async recover(collection: string, name: string, { priority, checksum }: RestoreOptions): Promise<void> {
    const request = { location: `file:///${name}`, priority, ...(checksum === undefined ? {} : { checksum }) }
    const body = Buffer.from(JSON.stringify(request))
    await this.#link.result({
      method: 'PUT',
      path: `${pathOf(collection)}/recover?wait=true`,
      body: { contentType: 'application/json', bytes: body.length, pieces: [body] },
    })
  }

  /** Restores a file, which is sent as it is read. @throws CliError when the file is no longer as long as it was. */
  async upload(collection: string, file: SendableFile, { priority, checksum }: RestoreOptions): Promise<void> {
    const query = new URLSearchParams({ wait: 'true', priority, ...(checksum === undefined ? {} : { checksum }) })
    const boundary = `meridian-${randomBytes(16).toString('hex')}`
    const head = Buffer.from(
      `--${boundary}\r\ncontent-disposition: form-data; name="snapshot"; filename="file.snapshot"\r\n` +
        'content-type: application/octet-stream\r\n\r\n',
    )
    const tail = Buffer.from(`\r\n--${boundary}--\r\n`)
    await this.#link.result({
      method: 'POST',
      path: `${pathOf(collection)}/upload?${query}`,
      body: {
        contentType: `multipart/form-data; boundary=${boundary}`,
        bytes: head.length + file.bytes + tail.length,
        pieces: enclosed(head, file, tail),
      },
    })
  }

  exists(collection: string): Promise<boolean> {
    return this.#client.collectionExists(collection, { signal: this.#signal })
  }

  collections(): Promise<string[]> {
    return this.#client.listCollections({ signal: this.#signal })
  }

  count(collection: string): Promise<number> {
    return this.#client.count(collection, undefined, { signal: this.#signal })
  }
}

/** Bytes of an open file from its start; it stays open. @throws CliError when the file is no longer as long as it was. */
export async function* bytesOf({ path, handle, bytes }: SendableFile): AsyncGenerator<Uint8Array> {
  let at = 0
  while (at < bytes) {
    const piece = Buffer.allocUnsafe(Math.min(256 * 1024, bytes - at))
    const { bytesRead } = await handle.read(piece, 0, piece.length, at)
    if (bytesRead === 0) throw new CliError(`${path} became shorter while it was read`)
    at += bytesRead
    yield piece.subarray(0, bytesRead)
  }
}

async function* enclosed(head: Uint8Array, file: SendableFile, tail: Uint8Array): AsyncGenerator<Uint8Array> {
  yield head
  yield* bytesOf(file)
  yield tail
}

const pathOf = (collection: string | undefined): string =>
  collection === undefined ? '/snapshots' : `/collections/${encodeURIComponent(collection)}/snapshots`
