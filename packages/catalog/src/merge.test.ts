import { load } from '@automerge/automerge'
import { type ReplicaId, StoreError } from '@meridian/core'
import { describe, expect, it } from 'vitest'
import { Catalog } from './catalog.js'
import { actorOf, replicaOfActor } from './change-ledger.js'
import { create, drop, edit, forge, member, openAs, uidOf } from './testing/fixture.js'

/** Changes of three replicas that saw one another's, oldest first. */
const woven = (): { changes: Uint8Array[]; whole: Catalog } => {
  const replicas = [openAs(1), openAs(2), openAs(3)]
  const changes: Uint8Array[] = []
  for (let n = 1; n <= 9; n++) {
    const made = edit(replicas[n % 3]!, n % 4 === 0 ? drop(uidOf(n - 1)) : create(`c${n}`, n))
    changes.push(...made)
    for (const each of replicas) each.apply(made)
  }
  return { changes, whole: replicas[0]! }
}

describe('taking in changes', () => {
  it('[CM1] in reverse order, with repeats, they end in the same state', () => {
    const { changes, whole } = woven()
    const late = openAs(9)
    for (const each of changes.slice().reverse()) {
      late.apply([each, each])
      late.apply([each])
    }
    expect(late.canonicalState()).toBe(whole.canonicalState())
    expect(late.history(100)).toEqual(whole.history(100))
    expect(late.parkedCount).toBe(0)
  })

  it('[CM2] what waits for its dependencies is not visible, and survives save and open', () => {
    const { changes, whole } = woven()
    let late = openAs(9)
    late.apply(changes.slice(1))
    expect(late.collections()).toEqual([])
    expect(late.parkedCount).toBe(changes.length - 1)
    late = openAs(9, late.save())
    expect(late.collections()).toEqual([])
    expect(late.parkedCount).toBe(changes.length - 1)
    late.apply(changes.slice(0, 1))
    expect(late.canonicalState()).toBe(whole.canonicalState())
  })

  it('[CM3] a state transfer carries everything, parked changes included', () => {
    const { changes, whole } = woven()
    const donor = openAs(8)
    donor.apply([...changes.slice(0, 4), ...changes.slice(5)])
    const late = openAs(9)
    edit(late, create('own', 50))
    late.merge(donor.save())
    late.merge(donor.save())
    expect(late.parkedCount).toBe(changes.length - 5)
    late.apply([changes[4]!])
    const both = openAs(7, whole.save())
    both.merge(late.save())
    expect(late.canonicalState()).toBe(both.canonicalState())
    expect(late.find('own')).toBeDefined()
  })

  it('[CM4] a saved catalog goes on where it stopped, and any Automerge reads it', () => {
    const catalog = openAs(1)
    edit(catalog, create('a', 1))
    const again = openAs(1, catalog.save())
    expect(again.canonicalState()).toBe(catalog.canonicalState())
    catalog.apply(edit(again, create('b', 2)))
    expect(catalog.canonicalState()).toBe(again.canonicalState())
    expect(Object.keys(load<{ collections: object }>(again.save()).collections)).toEqual([uidOf(1), uidOf(2)])
  })

  it('[CM5] two different changes with one number are refused by whoever has the first', () => {
    const [first] = edit(openAs(1), create('a', 1))
    const [second] = edit(openAs(1), create('b', 2))
    const catalog = openAs(2)
    catalog.apply([first!])
    const before = catalog.canonicalState()
    expect(() => catalog.apply([second!])).toThrow(expect.objectContaining({ code: 'IDENTITY_CONFLICT' }))
    expect(catalog.canonicalState()).toBe(before)
  })

  it('[CM5] a change that claims to be of another replica than its sender is refused', () => {
    const made = edit(openAs(1), create('a', 1))
    const catalog = openAs(2)
    expect(() => catalog.apply(made, 3 as ReplicaId)).toThrow(expect.objectContaining({ code: 'IDENTITY_CONFLICT' }))
    expect(catalog.collections()).toEqual([])
    catalog.apply(made, 1 as ReplicaId)
    expect(catalog.collections()).toHaveLength(1)
  })

  it('[CM6] one impossible change refuses the whole call', () => {
    const [good] = edit(openAs(1), create('a', 1))
    const bad = forge((document) => {
      ;(document as unknown as Record<string, unknown>).collections = {}
    })
    const catalog = openAs(2)
    expect(() => catalog.apply([good!, bad])).toThrow(expect.objectContaining({ code: 'DECODE_FAILED' }))
    expect(catalog.collections()).toEqual([])
  })

  it('[CM7] a parked change that turns out to be impossible is dropped alone, and named', () => {
    const author = openAs(1)
    const [first] = edit(author, create('a', 1))
    const [second] = edit(author, create('b', 2))
    const [fork] = edit(openAs(1), create('fork', 3))
    const later = forge((document) => void Object.assign(document.extra, { x: 1 }), {
      actor: '05000001',
      seen: [fork!],
    })
    const liar = forge((document) => void Object.assign(document.extra, { y: 1 }), {
      actor: actorOf(1 as ReplicaId, 1),
      seen: [edit(openAs(4), member(4))[0]!],
    })
    const catalog = openAs(2)
    catalog.apply([liar, later])
    expect(catalog.parkedCount).toBe(2)
    catalog.apply([first!, second!])
    expect(catalog.collections()).toHaveLength(2)
    catalog.apply(edit(openAs(4), member(4)))
    expect(catalog.members()).toHaveLength(1)
    expect(catalog.parkedCount).toBe(1)
    expect(catalog.problems()).toEqual([expect.stringContaining('two different changes numbered 1')])
  })

  it('[CM8] an actor must be hex, and names its replica', () => {
    for (const actor of ['', 'xyz', 'abc', 'AB']) expect(() => Catalog.open({ actor })).toThrow(StoreError)
    expect(actorOf(255 as ReplicaId, 3)).toBe('ff000003')
    expect(replicaOfActor('ff000003')).toBe(255)
    expect(replicaOfActor('00000003')).toBeUndefined()
    expect(replicaOfActor('ff0000030a')).toBeUndefined()
  })
})
