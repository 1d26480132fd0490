import { StoreError } from './errors.js'

/** Weight of an integer's eighth byte, the last one that `Number.MAX_SAFE_INTEGER` has. */
const LAST_SCALE = 2 ** 49

const utf8 = new TextEncoder()
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
/** Bytes of ASCII that are quicker put together here than by encoder or decoder: names of vectors, most of all. One byte tells its length. */
const SHORT_TEXT = 16

/** Growable little encoder. Integers are LEB128 unless the name says otherwise. `finish` hands over the bytes. */
export class ByteWriter {
  #bytes: Uint8Array
  #length = 0

  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity)
  }

  get length(): number {
    return this.#length
  }

  /** May replace `#bytes`: call it in a statement of its own, before that is read. */
  #reserve(count: number): number {
    const at = this.#length
    if (at + count > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#bytes.length * 2, at + count))
      grown.set(this.#bytes.subarray(0, at))
      this.#bytes = grown
    }
    this.#length = at + count
    return at
  }

  u8(value: number): this {
    const at = this.#reserve(1)
    this.#bytes[at] = value
    return this
  }

  u16(value: number): this {
    const at = this.#reserve(2)
    const bytes = this.#bytes
    bytes[at] = value >>> 8
    bytes[at + 1] = value
    return this
  }

  u32(value: number): this {
    const at = this.#reserve(4)
    const bytes = this.#bytes
    bytes[at] = value >>> 24
    bytes[at + 1] = value >>> 16
    bytes[at + 2] = value >>> 8
    bytes[at + 3] = value
    return this
  }

  /** Big-endian, so that byte order is time order. */
  u48(value: number): this {
    return this.u16(Math.floor(value / 0x100000000)).u32(value)
  }

  /** Any integer from 0 to `Number.MAX_SAFE_INTEGER`. */
  varuint(value: number): this {
    let rest = value
    while (rest > 0x7f) {
      this.u8((rest % 0x80) | 0x80)
      rest = Math.floor(rest / 0x80)
    }
    return this.u8(rest)
  }

  u64(value: bigint): this {
    return this.u32(Number((value >> 32n) & 0xffffffffn)).u32(Number(value & 0xffffffffn))
  }

  raw(bytes: Uint8Array): this {
    const at = this.#reserve(bytes.length)
    this.#bytes.set(bytes, at)
    return this
  }

  /** Length-prefixed bytes. */
  bytes(bytes: Uint8Array): this {
    return this.varuint(bytes.length).raw(bytes)
  }

  /** Length-prefixed UTF-8. The text must be well-formed: lone surrogates are refused at the door. */
  text(text: string): this {
    return this.#shortText(text) ? this : this.bytes(utf8.encode(text))
  }

  /** Names, ids and empty payloads: for them the way into the encoder takes longer than writing. */
  #shortText(text: string): boolean {
    if (text.length > SHORT_TEXT) return false
    const at = this.#reserve(text.length + 1)
    this.#bytes[at] = text.length
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i)
      if (unit > 0x7f) {
        this.#length = at
        return false
      }
      this.#bytes[at + 1 + i] = unit
    }
    return true
  }

  /** What is written so far, as a view that is good until the next write. */
  peek(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  /** The written bytes, trimmed to size; the writer must not be used afterwards. */
  finish(): Uint8Array {
    return this.#length === this.#bytes.length ? this.#bytes : this.#bytes.slice(0, this.#length)
  }
}

/**
 * Reads what `ByteWriter` wrote, from bytes that may be hostile: every read is bounded by the slice, no length is trusted,
 * nothing is allocated before its bytes are known to be there.
 * @throws StoreError `DECODE_FAILED` from every method on truncated or malformed input.
 */
export class ByteReader {
  /** What is read. Never a Buffer, whose `slice` makes a view: a `slice` of what is read here is always a copy. */
  readonly source: Uint8Array
  #at = 0

  constructor(source: Uint8Array) {
    this.source =
      source instanceof Buffer ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength) : source
  }

  get offset(): number {
    return this.#at
  }

  get remaining(): number {
    return this.source.length - this.#at
  }

  #take(count: number): number {
    if (count > this.remaining) throw truncated(count, this.remaining)
    const at = this.#at
    this.#at += count
    return at
  }

  u8(): number {
    return this.source[this.#take(1)]!
  }

  u16(): number {
    return this.#number(this.#take(2), 2)
  }

  u32(): number {
    return this.#number(this.#take(4), 4)
  }

  u48(): number {
    return this.#number(this.#take(6), 6)
  }

  u64(): bigint {
    const at = this.#take(8)
    return (BigInt(this.#number(at, 4)) << 32n) | BigInt(this.#number(at + 4, 4))
  }

  /** Big-endian, at most 6 bytes. (A `DataView` costs more to make than the few numbers of an entry to read.) */
  #number(at: number, count: number): number {
    const { source } = this
    let value = 0
    for (let i = at; i < at + count; i++) value = value * 0x100 + source[i]!
    return value
  }

  /** At most `max` (inclusive); over-long encodings of a value are refused, so that each value has one encoding. */
  varuint(max: number = Number.MAX_SAFE_INTEGER): number {
    let value = 0
    let scale = 1
    for (;;) {
      const byte = this.u8()
      value += (byte & 0x7f) * scale
      if (value > max) throw malformed(`integer above ${max}`)
      if (byte < 0x80) {
        if (byte === 0 && scale > 1) throw malformed('over-long integer')
        return value
      }
      if (scale === LAST_SCALE) throw malformed('over-long integer')
      scale *= 0x80
    }
  }

  /** A view on the source, not a copy. */
  raw(count: number): Uint8Array {
    const at = this.#take(count)
    return this.source.subarray(at, at + count)
  }

  /** A copy, in a buffer of its own. */
  copy(count: number): ArrayBuffer {
    const at = this.#take(count)
    const { buffer, byteOffset } = this.source
    return buffer.slice(byteOffset + at, byteOffset + at + count) as ArrayBuffer
  }

  /** Passes over bytes. */
  skip(count: number): void {
    this.#take(count)
  }

  /** Length-prefixed bytes, at most `max` of them; a view on the source. */
  bytes(max: number = Number.MAX_SAFE_INTEGER): Uint8Array {
    return this.raw(this.varuint(max))
  }

  text(maxBytes: number = Number.MAX_SAFE_INTEGER): string {
    const length = this.varuint(maxBytes)
    const short = length <= SHORT_TEXT ? this.#ascii(length) : undefined
    if (short !== undefined) return short
    const bytes = this.raw(length)
    try {
      return strictUtf8.decode(bytes)
    } catch {
      throw malformed('text is not UTF-8')
    }
  }

  /** The next `length` bytes as text, if they are there and all ASCII; else nothing is taken. */
  #ascii(length: number): string | undefined {
    if (length > this.remaining) return undefined
    for (let at = this.#at; at < this.#at + length; at++) if (this.source[at]! > 0x7f) return undefined
    // In one go: grown a letter at a time it would be kept as the tree of its growth, some 240 bytes more for an id of 20 letters.
    const codes = this.source.subarray(this.#at, this.#at + length) as unknown as number[]
    const text = String.fromCharCode.apply(undefined, codes)
    this.#at += length
    return text
  }

  /** @throws StoreError `DECODE_FAILED` if anything is left. */
  end(): void {
    if (this.remaining > 0) throw malformed(`${this.remaining} trailing bytes`)
  }
}

export const malformed = (what: string): StoreError => new StoreError('DECODE_FAILED', what)
const truncated = (wanted: number, left: number): StoreError =>
  malformed(`truncated: ${wanted} bytes wanted, ${left} left`)
