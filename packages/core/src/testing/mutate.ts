import { StoreError } from '../errors.js'
import { SeededRandom } from './seeded-random.js'

type Mutation = (bytes: Uint8Array, random: SeededRandom, samples: readonly Uint8Array[]) => Uint8Array

/** Bytes at which formats like to break: zero, signs, the longest and shortest integers, ASCII structure. */
const TELLING_BYTES = [0x00, 0x01, 0x7f, 0x80, 0x81, 0xc0, 0xfe, 0xff, 0x22, 0x5b, 0x7b]
/** Integers that a trusting reader would allocate or loop over, and forms that only a careless one takes. */
const BLOWN_LENGTHS = [
  [0xff, 0x7f],
  [0xff, 0xff, 0x03],
  [0xff, 0xff, 0xff, 0xff, 0x0f],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
  [0x80, 0x80, 0x00],
  [...new Array<number>(160).fill(0x80), 0x01],
].map((bytes) => Uint8Array.from(bytes))

const MUTATIONS: readonly Mutation[] = [
  function flipBits(bytes, random) {
    const copy = bytes.slice()
    for (let left = 1 + random.int(4); left > 0; left--) copy[random.int(copy.length)]! ^= 1 << random.int(8)
    return copy
  },
  function setBytes(bytes, random) {
    const copy = bytes.slice()
    for (let left = 1 + random.int(3); left > 0; left--)
      copy[random.int(copy.length)] = random.chance(0.5) ? random.pick(TELLING_BYTES) : random.int(256)
    return copy
  },
  function truncate(bytes, random) {
    return random.chance(0.7) ? bytes.slice(0, random.int(bytes.length)) : bytes.slice(1 + random.int(bytes.length))
  },
  function insert(bytes, random) {
    const added = Uint8Array.from({ length: 1 + random.int(random.chance(0.1) ? 300 : 4) }, () => random.int(256))
    return splice(bytes, random.int(bytes.length + 1), 0, added)
  },
  function remove(bytes, random) {
    return splice(bytes, random.int(bytes.length), 1 + random.int(4), NOTHING)
  },
  function repeatRange(bytes, random) {
    const [from, to] = range(bytes, random)
    return splice(bytes, to, 0, bytes.subarray(from, to))
  },
  function swapRanges(bytes, random) {
    const cuts = [0, 0, 0].map(() => random.int(bytes.length + 1)).sort((a, b) => a - b) as [number, number, number]
    const [a, b, c] = cuts
    return join(bytes.subarray(0, a), bytes.subarray(b, c), bytes.subarray(a, b), bytes.subarray(c))
  },
  function spliceSamples(bytes, random, samples) {
    const other = random.pick(samples)
    const at = random.int(bytes.length + 1)
    const otherAt = random.chance(0.5) ? Math.min(at, other.length) : random.int(other.length + 1)
    return join(bytes.subarray(0, at), other.subarray(otherAt))
  },
  function blowLength(bytes, random) {
    return splice(bytes, random.int(bytes.length), random.int(3), random.pick(BLOWN_LENGTHS))
  },
]

const NOTHING = new Uint8Array(0)

const join = (...parts: readonly Uint8Array[]): Uint8Array => {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}

const splice = (bytes: Uint8Array, at: number, removed: number, added: Uint8Array): Uint8Array =>
  join(bytes.subarray(0, at), added, bytes.subarray(Math.min(bytes.length, at + removed)))

const range = (bytes: Uint8Array, random: SeededRandom): [from: number, to: number] => {
  const from = random.int(bytes.length)
  return [from, from + 1 + random.int(Math.min(64, bytes.length - from))]
}

const same = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && Buffer.compare(a, b) === 0

/**
 * `count` damaged copies of `samples` (none of them empty), the same ones for the same seed. Each differs from every sample,
 * so a decoder that must notice all damage may accept none. One in four is damaged more than once.
 */
export function* mutations(samples: readonly Uint8Array[], count: number, seed: number): Generator<Uint8Array> {
  if (samples.length === 0 || samples.some((sample) => sample.length === 0))
    throw new Error('a sample is missing or empty')
  const plain = samples.map((sample) => new Uint8Array(sample))
  const random = new SeededRandom(seed)
  for (let made = 0; made < count; ) {
    let bytes: Uint8Array = random.pick(plain)
    do bytes = random.pick(MUTATIONS)(bytes, random, plain)
    while (bytes.length > 0 && random.chance(0.25))
    if (plain.some((sample) => same(sample, bytes))) continue
    made++
    yield bytes
  }
}

export interface FuzzOptions {
  /** For the message of a failure. */
  readonly name: string
  readonly samples: readonly Uint8Array[]
  /** Reads bytes from outside. What it does beyond that (checking what it accepted) may throw anything but a refusal. */
  decode(bytes: Uint8Array): unknown
  readonly count: number
  /** A call that takes longer, four times in a row, fails the run. */
  readonly slowMsMax?: number
  readonly seed?: number
}

const RETRIES = 3

/**
 * Feeds `decode` damaged samples. @throws Error, quoting the bytes, if it throws anything but a StoreError `DECODE_FAILED`, is
 * slow, or alters its input; and if it refuses a sample itself, for then the damage would prove nothing.
 */
export const fuzzDecoder = (options: FuzzOptions): { refused: number; accepted: number } => {
  const { name, samples, decode, count, slowMsMax = 50, seed = 1 } = options
  const fail = (what: string, bytes: Uint8Array, cause?: unknown): never => {
    throw new Error(`${name}: ${what}: ${Buffer.from(bytes.subarray(0, 4096)).toString('hex')}`, { cause })
  }
  const attempt = (bytes: Uint8Array): { accepted: boolean; tookMs: number } => {
    const startedMs = performance.now()
    try {
      decode(bytes)
      return { accepted: true, tookMs: performance.now() - startedMs }
    } catch (error) {
      const tookMs = performance.now() - startedMs
      if (error instanceof StoreError && error.code === 'DECODE_FAILED') return { accepted: false, tookMs }
      return fail(`threw ${String(error)}`, bytes, error)
    }
  }
  for (const sample of samples) if (!attempt(sample).accepted) fail('refuses its own sample', sample)
  const counts = { refused: 0, accepted: 0 }
  for (const bytes of mutations(samples, count, seed)) {
    const before = bytes.slice()
    let { accepted, tookMs } = attempt(bytes)
    // A busy machine stalls anything once; a slow decoder is slow every time.
    for (let retry = 0; tookMs > slowMsMax && retry < RETRIES; retry++) tookMs = Math.min(tookMs, attempt(bytes).tookMs)
    if (tookMs > slowMsMax) fail(`took ${tookMs.toFixed(1)} ms`, bytes)
    if (!same(before, bytes)) fail('altered its input', before)
    counts[accepted ? 'accepted' : 'refused']++
  }
  return counts
}
