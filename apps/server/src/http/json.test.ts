import fc from 'fast-check'
import { expect, test } from 'vitest'
import { shortFloat32 } from './float32.js'
import { parseJson } from './json-parse.js'
import { Floats, printJson } from './json-print.js'

const printed = (value: unknown): string => printJson(value).toString()

const refusal = (text: string): string => {
  try {
    parseJson(text, 8)
  } catch (error) {
    return (error as Error).message
  }
  return 'accepted'
}

test('[HT9] integers beyond 2^53 survive both ways', () => {
  const text = '{"id":18446744073709551615,"b":[-9007199254740993,1,0.8730000257492065],"t":"x\\"1234567890123456789"}'
  const value = parseJson(text, 8)
  expect(value).toEqual({
    id: 18446744073709551615n,
    b: [-9007199254740993n, 1, 0.8730000257492065],
    t: 'x"1234567890123456789',
  })
  expect(printed(value)).toBe(text)
})

test('[HT9] with a wide integer anywhere, everything else reads as JSON.parse does', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 4 }), fc.constantFrom(undefined, 1, 2), (text, space) => {
      const spaced = JSON.stringify(JSON.parse(text), undefined, space)
      fc.pre(!spaced.includes('__proto__'))
      const [wide, rest] = parseJson(`[12345678901234567890 ,${spaced}]`, 64) as [bigint, unknown]
      expect(wide).toBe(12345678901234567890n)
      expect(printed(rest)).toBe(JSON.stringify(JSON.parse(spaced)))
    }),
    { numRuns: 500 },
  )
})

test('[HT8] what JSON allows and a store cannot keep is refused, with its place', () => {
  expect(refusal('{"a":{"__proto__":1}}')).toContain('a: the key __proto__')
  expect(refusal('{"\\u005f_proto__":1}')).toContain('__proto__')
  expect(refusal('{"a":["\\ud800"]}')).toContain('a[0]: text holds a lone surrogate')
  expect(refusal('{"\\udc00":1}')).toContain('lone surrogate')
  expect(refusal('{"a":[1e400]}')).toContain('a[0]: number out of range')
  expect(refusal(`${'['.repeat(9)}${']'.repeat(9)}`)).toContain('nested too deep')
  expect(refusal(`${'['.repeat(100_000)}12345678901234567890${']'.repeat(100_000)}`)).toContain('nested too deep')
  expect(refusal(`${'['.repeat(8)}${']'.repeat(8)}`)).toBe('accepted')
  expect(refusal('{"emoji":"\\ud83d\\ude00"}')).toBe('accepted')
  expect(refusal('{"a":1')).not.toBe('accepted')
})

test('[HT20] vectors print as short decimals wherever they stand, and the rest as ever', () => {
  const vector = new Floats(Float32Array.of(0.1, -2, 1e-9))
  const answer = { a: [{ id: 18446744073709551615n, vector, payload: { t: 'x"', gone: undefined } }], b: vector, c: [] }
  expect(printed(answer)).toBe(
    '{"a":[{"id":18446744073709551615,"vector":[0.1,-2,1e-9],"payload":{"t":"x\\""}}],"b":[0.1,-2,1e-9],"c":[]}',
  )
  expect(printed(vector)).toBe('[0.1,-2,1e-9]')
})

test('[HT9] wide integers are seen among floats and in nested arrays', () => {
  expect(parseJson('{"vector":[0.1,[1234567890123456789],-1e300]}', 8)).toEqual({
    vector: [0.1, [1234567890123456789n], -1e300],
  })
})

test('[HT20] what stands between vectors is UTF-8, however long, and what surrounds the answer too', () => {
  const long = 'é "\\😀'.repeat(30_000)
  const vector = new Floats(Float32Array.from({ length: 9000 }, (_, i) => i / 7))
  const answer = {
    long,
    list: [vector, null, true, Number.NaN, {}, [], vector],
    'a"b': { toJSON: () => 1.5 },
    gone: undefined,
  }
  const bytes = printJson(answer, '{"é":', ',"after":1}')
  expect(Buffer.isBuffer(bytes)).toBe(true)
  const numbers = [...vector.values].map(shortFloat32)
  const plain = { ...answer, list: [numbers, null, true, Number.NaN, {}, [], numbers] }
  expect(bytes.toString()).toBe(`{"é":${JSON.stringify(plain)},"after":1}`)
  // An answer made before keeps its bytes.
  printJson([vector, 'other'])
  expect(bytes.toString().endsWith(',"after":1}')).toBe(true)
})
