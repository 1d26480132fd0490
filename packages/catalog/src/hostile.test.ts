import { change, decodeChange, getLastLocalChange, ImmutableString, init, save } from '@automerge/automerge'
import { ByteWriter, parseReplicaId, StoreError } from '@meridian/core'
import { describe, expect, it } from 'vitest'
import { Catalog } from './catalog.js'
import { CHANGE_BYTES_MAX, parseChange } from './change-bytes.js'
import { type CatalogDocument, GENESIS, GENESIS_ACTOR, GENESIS_HASH, ROOT_MAPS } from './genesis.js'
import { bodyOf, config, create, edit, fastestMs, forge, member, openAs, seal, uidOf } from './testing/fixture.js'

const refused = (changes: readonly Uint8Array[], why: RegExp): void => {
  const catalog = openAs(1)
  edit(catalog, create('a', 1))
  const before = [catalog.version, catalog.canonicalState(), Buffer.from(catalog.save()).toString('hex')]
  for (const call of [() => catalog.apply(changes), () => catalog.merge(Buffer.concat(changes))]) {
    try {
      call()
      expect.unreachable('was taken')
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      expect(error.code).toBe('DECODE_FAILED')
      expect(error.message).toMatch(why)
    }
  }
  expect(fastestMs(() => expect(() => catalog.apply(changes)).toThrow(StoreError))).toBeLessThan(50)
  expect([catalog.version, catalog.canonicalState(), Buffer.from(catalog.save()).toString('hex')]).toEqual(before)
}

/** A sealed change on the genesis with these columns: (specification, bytes). */
const withColumns = (...columns: readonly (readonly [number, readonly number[]])[]): Uint8Array => {
  const body = new ByteWriter()
  body
    .varuint(1)
    .raw(Buffer.from(GENESIS_HASH, 'hex'))
    .bytes(Uint8Array.of(255, 0, 0, 1))
  body
    .varuint(1)
    .varuint(ROOT_MAPS.length + 1)
    .u8(0)
    .text('forged')
    .varuint(0)
  body.varuint(columns.length)
  for (const [spec, bytes] of columns) body.varuint(spec).varuint(bytes.length)
  for (const [, bytes] of columns) body.raw(Uint8Array.from(bytes))
  return seal(1, body.finish())
}

// 2^34 in signed and in unsigned LEB128.
const HUGE = [0x80, 0x80, 0x80, 0x80, 0xc0, 0x00]
const HUGE_UNSIGNED = [0x80, 0x80, 0x80, 0x80, 0x40]

describe('genesis', () => {
  it('[CH1] is the change that its comment describes, bytes pinned', () => {
    const made = change(
      init<CatalogDocument>({ actor: GENESIS_ACTOR }),
      { time: 0, message: 'genesis' },
      (document) => {
        for (const name of ROOT_MAPS) document[name] = {}
      },
    )
    expect(Buffer.from(getLastLocalChange(made)!).toString('hex')).toBe(Buffer.from(GENESIS).toString('hex'))
    expect(parseChange(GENESIS).hash).toBe(GENESIS_HASH)
    expect(Catalog.open({ actor: 'aa' }).save()).toEqual(Buffer.from(GENESIS))
  })

  it('[CH2] a document that does not descend from it is refused', () => {
    const stranger = change(init<Record<string, unknown>>({ actor: 'aa' }), { time: 1 }, (document) => {
      document.collections = {}
    })
    refused([getLastLocalChange(stranger)!], /does not descend from the genesis/)
    refused([save(stranger)], /chunk type 0/)
  })
})

describe('bytes of changes', () => {
  it('[CH3] are read as Automerge reads them', () => {
    const catalog = openAs(3)
    const changes = [
      GENESIS,
      ...edit(catalog, create('produits d’été', 1)),
      ...edit(catalog, member(3, { url: 'http://x' })),
      forge((document) => {
        document.extra.list = [1, -2.5, null, true, 'text', new Date(7), new Uint8Array([1])]
      }),
    ]
    for (const bytes of changes) {
      const { hash, actor, seq, startOp, timeS, message, deps, endOp } = parseChange(bytes)
      const theirs = decodeChange(bytes)
      expect({ hash, actor, seq, startOp, message, deps }).toEqual({
        hash: theirs.hash,
        actor: theirs.actor,
        seq: theirs.seq,
        startOp: theirs.startOp,
        message: theirs.message,
        deps: theirs.deps,
      })
      expect([timeS, endOp - startOp + 1]).toEqual([theirs.time, theirs.ops.length])
    }
  })

  it('[CH4] anything but whole, plain, intact changes is refused', () => {
    const [good] = edit(openAs(2), create('a', 2))
    refused([Uint8Array.of(1)], /truncated|trailing/)
    refused([good!.slice(0, -1)], /truncated/)
    refused([Buffer.concat([good!, Uint8Array.of(0)])], /trailing|truncated/)
    refused([Uint8Array.from(good!, (byte, at) => (at === 40 ? byte ^ 1 : byte))], /checksum/)
    refused([seal(2, bodyOf(good!))], /chunk type 2/)
    refused([seal(1, new Uint8Array(CHANGE_BYTES_MAX + 1))], /integer above/)
    refused([good!, good!.slice(0, 20)], /truncated/)
  })

  it('[CH5] a few bytes that stand for gigabytes are refused before they are unrolled', () => {
    refused([withColumns([0x42, [...HUGE, 1]])], /more than 512 operations/)
    refused([withColumns([0x42, [0, ...HUGE_UNSIGNED]])], /integer above 512/)
    refused([withColumns([0x34, HUGE_UNSIGNED])], /integer above 512/)
    refused([withColumns([0x02, [1, 2]], [0x42, [1, 1]], [0x70, [1, ...HUGE_UNSIGNED]])], /more than 512 references/)
    refused([withColumns([0x42 | 8, [1, 1]])], /compressed column/)
    refused([withColumns([0x42, [1, 1]], [0x42, [1, 1]])], /columns out of order/)
  })

  it('[CH5] the largest change that is taken takes under 50 ms', () => {
    const keys = (count: number): Uint8Array =>
      forge((document) => {
        document.extra.x = Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, at]))
      })
    const bytes = keys(511)
    expect(fastestMs(() => openAs(1).apply([bytes]))).toBeLessThan(50)
    refused([keys(512)], /more than 512 operations/)
  })

  it('[CH6] no change writes the root, in whatever encoding', () => {
    refused([forge((document) => void delete (document as Partial<CatalogDocument>).members)], /writes the root/)
    refused([forge((document) => void Object.assign(document, { more: 1 }))], /writes the root/)
    const inRoot = (object: number[]): Uint8Array =>
      withColumns([0x01, [1, 0]], [0x02, object], [0x15, [0x7f, 1, 120]], [0x34, [1]], [0x42, [1, 0]], [0x56, [1, 0]])
    refused([inRoot([0, 1])], /writes the root/)
    refused([inRoot([1, 0])], /writes the root/)
  })

  it('[CH7] operation and change numbers that skip or repeat are refused', () => {
    const [good] = edit(openAs(2), create('a', 2))
    const body = bodyOf(good!)
    // deps (1 + 32), actor (1 + 4), then seq and start op.
    const at = 38
    expect([body[at], body[at + 1]]).toEqual([1, ROOT_MAPS.length + 1])
    const altered = (offset: number, value: number): Uint8Array =>
      seal(
        1,
        Uint8Array.from(body, (byte, index) => (index === offset ? value : byte)),
      )
    refused([altered(at, 2)], /its author's changes end at 0/)
    refused([altered(at + 1, 9)], /operations start at 9, not 8/)
    refused([altered(at + 1, 7)], /operations start at 7, not 8/)
    refused([altered(at, 0)], /without actor or number/)
  })
})

describe('unsound entries', () => {
  const sound = (): Record<string, unknown> => ({
    name: 'p',
    config: JSON.stringify(config(3)),
    createdAtMs: 1,
    createdBy: 'eu',
    stamp: { ms: 1, counter: 0, writer: 1 },
  })
  const soundMember = (): Record<string, unknown> => ({ region: 'eu', storeId: 's', status: 'active', sinceMs: 1 })

  it('[CH8] entries like these, but sound, are taken', () => {
    const catalog = openAs(1)
    catalog.apply([
      forge((document) => {
        document.collections[uidOf(5)] = sound()
        document.collections[uidOf(6)] = { ...sound(), name: new ImmutableString('q') }
        document.members['9'] = soundMember()
      }),
    ])
    expect(catalog.problems()).toEqual([])
    expect(catalog.collections().map((each) => each.name)).toEqual(['p', 'q'])
    expect(catalog.configuration(parseReplicaId(1)).members).toEqual([9])
  })

  const spoiled: readonly (readonly [string, (document: CatalogDocument) => void])[] = [
    ['a uid that is none', (document) => (document.collections.x = sound())],
    ['a uid that is a trap', (document) => (document.collections.constructor = sound() as never)],
    ['no map', (document) => (document.collections[uidOf(5)] = 'boo')],
    ['a list', (document) => (document.collections[uidOf(5)] = [1])],
    ['no name', (document) => (document.collections[uidOf(5)] = { ...sound(), name: 7 })],
    [
      'a name kept for conflicts',
      (document) => (document.collections[uidOf(5)] = { ...sound(), name: `p~${uidOf(1)}` }),
    ],
    ['a config that is no JSON', (document) => (document.collections[uidOf(5)] = { ...sound(), config: '{' })],
    [
      'a config of no shards',
      (document) => (document.collections[uidOf(5)] = { ...sound(), config: '{"vectors":{}}' }),
    ],
    [
      'a stamp of writer 0',
      (document) => (document.collections[uidOf(5)] = { ...sound(), stamp: { ms: 1, counter: 0, writer: 0 } }),
    ],
    [
      'a time that is a date',
      (document) => (document.collections[uidOf(5)] = { ...sound(), createdAtMs: new Date(1) }),
    ],
    ['a drop that is no map', (document) => (document.collections[uidOf(5)] = { ...sound(), dropped: true })],
    ['replica 0', (document) => (document.members['0'] = soundMember())],
    ['replica 256', (document) => (document.members['256'] = soundMember())],
    ['a member of no region', (document) => (document.members['9'] = { ...soundMember(), region: 'E U' })],
    ['an unknown status', (document) => (document.members['9'] = { ...soundMember(), status: 'king' })],
    ['a nameless store', (document) => (document.members['9'] = { ...soundMember(), storeId: '' })],
    ['a member that is a number', (document) => (document.members['9'] = 9)],
  ]
  it.each(spoiled)('[CH8] %s is skipped and named; the rest stands', (_what, write) => {
    const catalog = openAs(1)
    const own = edit(catalog, create('own', 1))
    catalog.apply([forge((document) => void write(document))])
    expect(catalog.problems()).toHaveLength(1)
    expect(catalog.collections().map((each) => each.name)).toEqual(['own'])
    expect(catalog.members()).toEqual([])
    const again = openAs(1, catalog.save())
    expect(again.canonicalState()).toBe(catalog.canonicalState())
    const other = openAs(4)
    other.apply([...edit(again, create('more', 3)), forge((document) => void write(document)), ...own])
    expect(other.canonicalState()).toBe(again.canonicalState())
  })
})
