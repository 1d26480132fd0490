import { readFileSync } from 'node:fs'
import { frameOf, fuzzDecoder, mutations } from '@meridian/core/testing'
import { malformed, openFrame, StoreError } from '@meridian/core'
import { describe, expect, test } from 'vitest'
import { decodeIdentity, encodeIdentity } from './identity.js'
import { decodeLogEntry, encodeLogEntry } from './log-entry.js'
import { decodeMessage, encodeMessage, type Sent } from './message.js'
import { GOLDEN_LOG_ENTRIES, GOLDEN_MESSAGES } from './test-messages.js'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
/** Vectors compare by what they hold, bytes by what they are. */
const plain = (value: unknown): { type?: string } =>
  JSON.parse(
    JSON.stringify(value, (_, each) =>
      each instanceof Map ? [...each] : ArrayBuffer.isView(each) ? hex(each as Uint8Array) : each,
    ),
  )

/** Lines `name hex`; lines are only ever added, and the last of a name is what is written today. */
const fixture = (kind: string): [name: string, bytes: Uint8Array][] =>
  readFileSync(new URL(`../fixtures/${kind}.hex`, import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(' '))
    .map(([name, text]) => [name!, new Uint8Array(Buffer.from(text!, 'hex'))])

const IDENTITIES = {
  running: { identity: { region: 'eu', replica: 1, storeId: '00112233445566ff', boot: 1 }, clean: false },
  stopped: {
    identity: { region: 'ap-south-2', replica: 255, storeId: 'ffffffffffffffff', boot: 2 ** 24 - 1 },
    clean: true,
  },
} as unknown as Readonly<Record<string, ReturnType<typeof decodeIdentity>>>

const CODECS = {
  message: { values: GOLDEN_MESSAGES, encode: encodeMessage as (value: never) => Uint8Array, decode: decodeMessage },
  'log-entry': {
    values: GOLDEN_LOG_ENTRIES,
    encode: encodeLogEntry as (value: never) => Uint8Array,
    decode: decodeLogEntry,
  },
  identity: {
    values: IDENTITIES,
    encode: (({ identity, clean }: ReturnType<typeof decodeIdentity>) => encodeIdentity(identity, clean)) as (
      value: never,
    ) => Uint8Array,
    decode: decodeIdentity,
  },
} as const

describe.each(Object.entries(CODECS))('%s', (kind, { values, encode, decode }) => {
  test('[RP80] every shape reads back as it was written', () => {
    for (const [name, value] of Object.entries(values))
      expect(plain(decode(encode(value as never))), name).toEqual(plain(value))
  })

  test('[RP81] bytes are what they have always been, and every encoding ever written reads back', () => {
    const lines = fixture(kind)
    const latest = new Map(lines.map(([name, bytes]) => [name, hex(bytes)]))
    expect(Object.fromEntries(latest)).toEqual(
      Object.fromEntries(Object.entries(values).map(([name, value]) => [name, hex(encode(value as never))])),
    )
    for (const [name, bytes] of lines) {
      const value: unknown = decode(bytes)
      // A hello of an earlier version is read as far as its version.
      const isStranger = (value as { type?: string }).type === 'stranger'
      if (!isStranger) expect(plain(value), name).toEqual(plain(values[name]))
    }
  })
})

const typesOf = (): Sent['type'][] => [...new Set(Object.values(GOLDEN_MESSAGES).map(({ type }) => type))]
const samplesOf = (type: Sent['type']): Uint8Array[] =>
  Object.values(GOLDEN_MESSAGES)
    .filter((message) => message.type === type)
    .map(encodeMessage)

describe('damage', () => {
  test('[RP82] 100,000 damaged frames of all types are all refused by their checksum', () => {
    const samples = typesOf().flatMap(samplesOf)
    const counts = fuzzDecoder({ name: 'frame', samples, decode: decodeMessage, count: 100_000 })
    expect(counts).toEqual({ refused: 100_000, accepted: 0 })
  })

  test.each(typesOf())('[RP83] 30,000 damaged %s bodies under a right checksum are refused or read, fast', (type) => {
    const samples = samplesOf(type).map((frame) => openFrame(frame).slice())
    const { refused } = fuzzDecoder({
      name: type,
      samples,
      count: 30_000,
      decode: (body) => {
        const message = decodeMessage(frameOf(body))
        // What is read has one encoding, so nothing was passed over.
        if (message.type !== 'stranger' && hex(encodeMessage(message)) !== hex(frameOf(body)))
          expectLossless(message, body)
      },
    })
    expect(refused).toBeGreaterThan(1000)
  })

  test.each([
    ['log entry', Object.values(GOLDEN_LOG_ENTRIES).map(encodeLogEntry), decodeLogEntry],
    ['identity', Object.values(IDENTITIES).map(({ identity, clean }) => encodeIdentity(identity, clean)), readIdentity],
  ] as const)('[RP83] 100,000 damaged copies of a %s are refused or read, fast', (name, samples, decode) => {
    const { refused } = fuzzDecoder({ name, samples, count: 100_000, decode })
    expect(refused).toBeGreaterThan(1000)
  })

  test('[RP83] lengths beyond the frame are refused before anything is made for them', () => {
    const huge = [3, 1, 1, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0x3f]
    expect(() => decodeMessage(frameOf(Uint8Array.from(huge)))).toThrow(StoreError)
    expect([...mutations([Uint8Array.from(huge)], 1, 1)]).toHaveLength(1)
  })
})

/** Another format is named as such, which is a refusal too. */
const readIdentity = (bytes: Uint8Array): unknown => {
  try {
    return decodeIdentity(bytes)
  } catch (error) {
    if (error instanceof StoreError && error.code === 'IDENTITY_CONFLICT') throw malformed(error.message)
    throw error
  }
}

/** A refusal's text is cut, and the clocks of a cursor may name a client twice; all else must come back byte for byte. */
const expectLossless = (message: ReturnType<typeof decodeMessage>, body: Uint8Array): void => {
  if (message.type === 'want') return
  if (message.type === 'refuse') return
  throw new Error(`a ${message.type} with a second encoding: ${hex(body)}`)
}
