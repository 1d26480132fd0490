import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseJson, stringifyJson } from './wide-json.js'

const WIDE = 18446744073709551615n

test('[CL1] integers beyond 2^53 survive both ways, and only where they are numbers', () => {
  const text = `{"id":${WIDE},"text":"${WIDE} \\"${WIDE}\\"","small":9007199254740991,"f":1234567890123456.5}`
  const value = parseJson(text) as Record<string, unknown>
  expect(value).toEqual({ id: WIDE, text: `${WIDE} "${WIDE}"`, small: 9007199254740991, f: 1234567890123456.5 })
  expect(stringifyJson({ id: WIDE, list: [WIDE, 1, 'a'] })).toBe(`{"id":${WIDE},"list":[${WIDE},1,"a"]}`)
})

test('[CL1] a text without wide integers reads as JSON.parse reads it', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      fc.pre(!/\d{16}/.test(text) || !/(^|[^\d.e-])-?\d{16,}([^\d.e]|$)/i.test(text))
      expect(parseJson(text)).toEqual(JSON.parse(text))
    }),
  )
})

test('[CL1] what is written is read back, wide integers and awkward strings included', () => {
  const id = fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n })
  const value = fc.array(fc.oneof(id, fc.string({ unit: 'binary' }), fc.maxSafeNat()))
  fc.assert(
    fc.property(value, (list) => {
      expect(parseJson(stringifyJson(list))).toEqual(list)
    }),
  )
})
