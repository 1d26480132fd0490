/** A line longer than this is reported, not held. */
export const LINE_BYTES_MAX = 16 * 1024 * 1024

export interface Line {
  /** `undefined` when it is longer than `LINE_BYTES_MAX` or not UTF-8; `reason` then says so. */
  readonly text: string | undefined
  readonly reason?: string
  /** Offset behind the line's end, counted from the stream's first byte. */
  readonly end: number
}

const NEWLINE = 10

/** Splits bytes at `\n`; a `\r` before it is dropped; a last line needs no newline. */
export async function* lines(chunks: AsyncIterable<Uint8Array>, lineBytesMax = LINE_BYTES_MAX): AsyncGenerator<Line> {
  let parts: Uint8Array[] = []
  let length = 0
  let end = 0
  const finish = (): Line => {
    const line =
      length > lineBytesMax
        ? { text: undefined, reason: `line is longer than ${lineBytesMax} bytes`, end }
        : { ...decode(parts.length === 1 ? parts[0]! : Buffer.concat(parts)), end }
    parts = []
    length = 0
    return line
  }
  for await (const chunk of chunks) {
    let from = 0
    for (;;) {
      const at = chunk.indexOf(NEWLINE, from)
      const to = at < 0 ? chunk.length : at
      length += to - from
      if (length <= lineBytesMax) parts.push(chunk.subarray(from, to))
      else parts = []
      end += to - from + (at < 0 ? 0 : 1)
      if (at < 0) break
      yield finish()
      from = at + 1
    }
  }
  if (length > 0) yield finish()
}

const UTF8 = new TextDecoder('utf-8', { fatal: true })

const decode = (bytes: Uint8Array): { text: string | undefined; reason?: string } => {
  try {
    const text = UTF8.decode(bytes)
    return { text: text.endsWith('\r') ? text.slice(0, -1) : text }
  } catch {
    return { text: undefined, reason: 'line is not valid UTF-8' }
  }
}
