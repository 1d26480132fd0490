import fc from 'fast-check'
import { StoreError } from '@meridian/core'
import { fuzzDecoder } from '@meridian/core/testing'
import { expect, test } from 'vitest'
import { type Json, parseJson } from './json-parse.js'
import { NumberRuns } from './number-run.js'
import { parsePoints } from './points-parse.js'

const DEPTH = 64
const strictUtf8 = new TextDecoder('utf-8', { fatal: true })

const fast = (text: string): Json | undefined => parsePoints(Buffer.from(text), DEPTH)

/** Whether a value is what `parseJson` gives, but for vectors, which are its numbers as float32. */
const isSame = (value: unknown, plain: unknown): boolean => {
  if (value instanceof Float32Array)
    return (
      Array.isArray(plain) &&
      plain.length === value.length &&
      plain.every((number, i) => Object.is(Math.fround(Number(number)), value[i]) && Number.isFinite(value[i]))
    )
  if (Array.isArray(value))
    return Array.isArray(plain) && plain.length === value.length && value.every((each, i) => isSame(each, plain[i]))
  if (value === null || typeof value !== 'object') return Object.is(value, plain)
  if (plain === null || typeof plain !== 'object' || Array.isArray(plain)) return false
  const keys = Object.keys(value)
  const map = plain as Record<string, unknown>
  return (
    keys.length === Object.keys(map).length &&
    keys.every((key) => Object.hasOwn(map, key) && isSame((value as Record<string, unknown>)[key], map[key]))
  )
}

const numbersOf = (text: string): Float32Array | undefined => new NumberRuns(Buffer.from(`${text}}`)).read(0)

const digits = (min: number, max: number) =>
  fc.array(fc.constantFrom(...'0123456789', '0', '9'), { minLength: min, maxLength: max }).map((all) => all.join(''))
/** Numbers as JSON writes them, most of them longer and odder than anybody's. */
const numberText = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
  fc.float({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
  fc
    .tuple(
      fc.constantFrom('', '-'),
      fc.oneof(
        fc.constant('0'),
        digits(0, 24).map((rest) => `7${rest}`),
      ),
      fc.option(digits(1, 60), { nil: undefined }),
      fc.option(fc.tuple(fc.constantFrom('e', 'E', 'e+', 'e-', 'E-'), digits(1, 3)), { nil: undefined }),
    )
    .map(
      ([sign, whole, fraction, power]) =>
        sign + whole + (fraction === undefined ? '' : `.${fraction}`) + (power?.join('') ?? ''),
    ),
)

/** As long as it takes to be no short decimal: halfway between two float32, and a hair to either side. */
const HALFWAY = ['1.00000005960464477539062', '1.000000059604644775390625', '16777217.0', '16777219.0', '8388608.5']

test('[HT25] numbers are read to the last bit as JSON.parse and rounding to float32 do', () => {
  fc.assert(
    fc.property(
      fc.array(numberText, { minLength: 1, maxLength: 20 }),
      fc.constantFrom(',', ' ,\n\t'),
      (texts, comma) => {
        const plain = texts.map((text) => Math.fround(Number(text)))
        const read = numbersOf(`[${texts.join(comma)}]`)
        if (plain.every((value) => Number.isFinite(value))) expect(read).toEqual(Float32Array.from(plain))
        else expect(read).toBeUndefined()
      },
    ),
    { numRuns: 5000 },
  )
  const beside = HALFWAY.flatMap((text) => [text, `${text}${'0'.repeat(30)}1`]).flatMap((text) => [text, `-${text}`])
  for (const text of [...beside, '3.4028235677973362e38', '7e-46', '7.1e-46', '1.17549435e-38'])
    expect(numbersOf(`[${text}]`), text).toEqual(Float32Array.of(Number(text)))
  expect(numbersOf('[-0, -0.0, -1e-400]')).toEqual(Float32Array.of(-0, -0, -0))
  // An exponent of six digits that takes back as many zeros.
  expect(numbersOf(`[0.${'0'.repeat(12_344)}1e123456]`)).toBeUndefined()
  expect(numbersOf(`[0.${'0'.repeat(12_344)}1e12345]`)).toEqual(Float32Array.of(1))
})

test('[HT25] what is no list of numbers is left to others', () => {
  const others = [
    '[]',
    '[01]',
    '[1,]',
    '[,1]',
    '[1 2]',
    '[.5]',
    '[1.]',
    '[+1]',
    '[1e]',
    '[1e+]',
    '[-]',
    '[--1]',
    '[0x1]',
    '[1e39]',
    '[-1e400]',
    '[null]',
    '["1"]',
    '[[1]]',
    '[1',
    '[1}',
    '[1.5.5]',
    '[1e5.5]',
    '[NaN]',
    '[1\u00a0]',
  ] // prettier-ignore
  for (const text of others) expect(numbersOf(text), text).toBeUndefined()
  expect(numbersOf(`[${'0,'.repeat(65_535)}1]`)).toHaveLength(65_536)
  expect(numbersOf(`[${'0,'.repeat(65_536)}1]`)).toBeUndefined()
})

const VECTOR = '[0.25, -1.5e-3,0,16777217,0.123456789012345678901]'
const BODIES = [
  `{"points":[{"id":1,"vector":${VECTOR}},{"id":"x","payload":{"vector":[1,2],"t":"]}\\"\\\\"},"vector":{"a":${VECTOR},"b":[]}}]}`,
  `{"points" : [ {"id":12345678901234567890,"vector": [[1,2],[3,4]]},{"vectors":{"s":{"indices":[1,2],"values":[0.5,1]}},"id":3}]}`,
  `{"batch":{"ids":[1,2],"vectors":[${VECTOR},${VECTOR}],"payloads":[{"k":"ä"},null]}, "update_mode":"upsert"}`,
  `{"batch":{"ids":[1],"vectors":{"a":[${VECTOR}],"b":[1,2]}}}`,
  `{"operations":[{"upsert":{"points":[{"id":1,"vector":${VECTOR}}]}},{"delete":{"points":[1,2]}},{"set_payload":{"payload":{"a":1e3},"points":[7]}}]}`,
  `{"query":${VECTOR},"limit":10,"params":{"vector":[1]},"prefetch":[{"query":[1,2]}],"filter":{"must":[{"has_id":[1,2]}]}}`,
  `{"query":{"nearest":${VECTOR},"mmr":{"diversity":0.5}},"using":"a"}`,
  `{"query":{"recommend":{"positive":[1,[0.5,1]]}},"vector":{"name":"b","vector":${VECTOR}}}`,
  `{"searches":[{"query":${VECTOR}},{"query":[[1,2]]},{"vector":[1],"limit":3},{"query":7},{"query":{"indices":[1],"values":[2]}}]}`,
  `{"points":[{"id":1,"vector":[0.5],"vector":[1.5,2.5]}],"points":[{"vector":[3]}],"":{},"a":[true,false,null]}`,
  `{"points":[{"id":999999999999999,"vector":[1]},{"id":1234567890123456,"vector":[1]},{"id":0,"vector":[-1]},{"id":7 ,"vector":[1e1]}],"k":[1.5,12e3,-4,18446744073709551615]}`,
  `{"points":[{"id":"0f8fad5b-d9cb-469f-a165-70867728950e","vector":[1],"payload":{}},{"id":"é","vector":[2]},{"id":"a\\u0041","vector":[3]}]}`,
]

test('[HT25] a body that brings points reads as every body does, its vectors as float32', () => {
  for (const text of BODIES) {
    const value = fast(text)
    expect(value, text).toBeDefined()
    expect(isSame(value, parseJson(text, DEPTH)), text).toBe(true)
  }
  const { points } = fast(BODIES[0]!) as { points: { vector: unknown; payload: unknown }[] }
  expect(points[0]!.vector).toEqual(Float32Array.of(0.25, -1.5e-3, 0, 16_777_217, 0.12345678901234568))
  expect(points[1]!.payload).toEqual({ vector: [1, 2], t: ']}"\\' })
  const { query } = fast(BODIES.find((text) => text.startsWith('{"query":['))!) as { query: unknown }
  expect(query).toBeInstanceOf(Float32Array)
  const deep = `{"points":[{"payload":{"a":${'['.repeat(60)}${']'.repeat(60)}}}]}`
  expect(isSame(fast(deep), parseJson(deep, DEPTH))).toBe(true)
  const tooDeep = `{"points":[{"payload":{"a":${'['.repeat(61)}${']'.repeat(61)}}}]}`
  expect(fast(tooDeep)).toBeUndefined()
  expect(() => parseJson(tooDeep, DEPTH)).toThrow('nested too deep')
})

test('[HT25] whatever a body is made of, it reads as every body does, or is left to the usual way', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ id: fc.nat(), vector: fc.array(fc.double()), payload: fc.object() }, { requiredKeys: [] })),
      fc.object(),
      fc.constantFrom(undefined, 1, '\t'),
      (points, rest, space) => {
        const text = JSON.stringify({ ...rest, points }, undefined, space)
        fc.pre(!text.includes('__proto__'))
        const value = fast(text)
        if (value !== undefined) expect(isSame(value, parseJson(text, DEPTH))).toBe(true)
      },
    ),
    { numRuns: 1000 },
  )
})

test('[HT25] of damaged bodies nothing is taken that the usual way refuses or reads otherwise', () => {
  const counts = fuzzDecoder({
    name: 'parsePoints',
    samples: BODIES.map((text) => Buffer.from(text)),
    count: 20_000,
    decode: (bytes) => {
      const value = parsePoints(Buffer.from(bytes), DEPTH)
      let plain: Json | undefined
      try {
        plain = parseJson(strictUtf8.decode(bytes), DEPTH)
      } catch (error) {
        if (value !== undefined) throw new Error(`taken: ${Buffer.from(bytes).toString('latin1')}`, { cause: error })
        throw new StoreError('DECODE_FAILED', 'refused by both')
      }
      if (value !== undefined && !isSame(value, plain)) throw new Error(`read otherwise: ${strictUtf8.decode(bytes)}`)
    },
  })
  expect(counts.accepted).toBeGreaterThan(0)
  expect(counts.refused).toBeGreaterThan(0)
})
