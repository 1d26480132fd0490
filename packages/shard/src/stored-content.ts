import type * as Y from 'yjs'

/** Where the bytes of blocks lie. */
export interface BlockSource {
  /** The bytes of a block that is in the document. Called whenever Yjs encodes it. The caller does not change them. */
  read(client: number, clock: number): Uint8Array
}

/**
 * Content of an item whose bytes stay in storage: it answers and encodes as `Y.ContentBinary` would (content reference 3,
 * length 1), so neither a peer nor Yjs can tell the difference, and the heap holds three words a block instead of its bytes.
 * Duck-typed, because Yjs exports no content base class; the golden test holds it to the pinned version of Yjs.
 */
export class StoredContent {
  constructor(
    readonly source: BlockSource,
    readonly client: number,
    readonly clock: number,
  ) {}

  get bytes(): Uint8Array {
    return this.source.read(this.client, this.clock)
  }

  getLength(): number {
    return 1
  }

  getContent(): Uint8Array[] {
    return [this.bytes]
  }

  isCountable(): boolean {
    return true
  }

  copy(): StoredContent {
    return new StoredContent(this.source, this.client, this.clock)
  }

  /** Of length 1, so there is nothing to split. */
  splice(): never {
    throw new Error('a block is never split')
  }

  mergeWith(): boolean {
    return false
  }

  integrate(): void {}

  delete(): void {}

  gc(): void {}

  write(encoder: Y.UpdateEncoderV1): void {
    encoder.writeBuf(this.bytes)
  }

  getRef(): number {
    return 3
  }
}
