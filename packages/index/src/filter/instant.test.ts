import { expect, test } from 'vitest'
import { compareInstants, parseInstant } from './instant.js'

const noon = { ms: Date.UTC(2026, 0, 31, 12), ns: 0 }

test.each([
  '2026-01-31T12:00:00Z',
  '2026-01-31t12:00:00z',
  '2026-01-31 12:00:00Z',
  '2026-01-31 12:00:00 UTC',
  '2026-01-31T12:00:00.000Z',
  '2026-01-31T12:00:00+00:00',
  '2026-01-31T12:00:00-00:00',
  '2026-01-31T14:30:00+02:30',
  '2026-01-31T14:30:00+0230',
  '2026-01-31T04:00:00-08',
  '2026-02-01 11:59:00 +23:59',
  '2026-01-31T12:00:00',
  '2026-01-31 12:00:00',
  '2026-01-31 12:00',
  '2026-1-31 12:0',
  '2026-01-31T11:59:60Z',
])('[FI15] %s is noon of the last of January', (text) => {
  expect(parseInstant(text)).toEqual(noon)
})

test('[FI15] a date alone is midnight UTC; all years of four digits are there', () => {
  expect(parseInstant('2026-01-31')).toEqual({ ms: Date.UTC(2026, 0, 31), ns: 0 })
  expect(parseInstant('1970-01-01')).toEqual({ ms: 0, ns: 0 })
  expect(parseInstant('2024-02-29')).toEqual({ ms: Date.UTC(2024, 1, 29), ns: 0 })
  for (const text of [
    '0000-02-29T00:00:00.000Z',
    '0099-12-31T23:59:59.999Z',
    '9999-12-31T23:59:59.999Z',
    '1969-12-31T23:59:59.001Z',
  ])
    expect(parseInstant(text)).toEqual({ ms: Date.parse(text), ns: 0 })
})

test('[FI15] fractions count to the nanosecond, before 1970 too', () => {
  const parts = (text: string): unknown => Object.values(parseInstant(text)!)
  expect(parts('1970-01-01T00:00:00.123456789Z')).toEqual([123, 456_789])
  expect(parts('1970-01-01T00:00:00.1234567899Z')).toEqual([123, 456_789])
  expect(parts('1970-01-01T00:00:00.5')).toEqual([500, 0])
  expect(parts('1969-12-31T23:59:59.999999999Z')).toEqual([-1, 999_999])
})

test.each([
  '',
  'x',
  '2026',
  '2026-01',
  '2026-02-29',
  '2026-04-31',
  '2026-00-10',
  '2026-13-01',
  '2026-01-00',
  '2026-01-31T12',
  '2026-01-31T12:00',
  '2026-01-31 12:00Z',
  '2026-01-31T24:00:00Z',
  '2026-01-31T12:60:00Z',
  '2026-01-31T12:00:61Z',
  '2026-01-31T12:00:00.Z',
  '2026-01-31T12:00:00+24:00',
  '2026-01-31T12:00:00+02:60',
  '2026-01-31T12:00:00 CET',
  '2026-01-31T12:00:00Z ',
  ' 2026-01-31',
  '26-01-31',
  '20260131',
  '31.01.2026',
  '1769860800000',
])('[FI15] %j is no date', (text) => {
  expect(parseInstant(text)).toBeUndefined()
})

test('[FI15] instants are ordered to the nanosecond', () => {
  const inOrder = [
    '0001-01-01',
    '1969-12-31T23:59:59.999999998Z',
    '1969-12-31T23:59:59.999999999Z',
    '1970-01-01',
    '9999-12-31',
  ]
  const instants = inOrder.map((text) => parseInstant(text)!)
  for (const [i, a] of instants.entries())
    for (const [j, b] of instants.entries()) expect(Math.sign(compareInstants(a, b))).toBe(Math.sign(i - j))
})
