import { Catalog } from '@meridian/catalog'
import { parseRegionId, type ReplicaId } from '@meridian/core'
import { expect, test } from 'vitest'
import type { ChangeAnswer } from './regions.js'
import { converge, del, put, TestNode } from '../test-node.js'
import type { TestLink } from '../test-link.js'
import { TestTime } from '../test-time.js'

const add = (node: TestNode, region: string) =>
  node.await<ChangeAnswer>((done) => node.replica.regions.add(region, undefined, done))
const retire = (node: TestNode, region: string, force = false, lost: readonly number[] = []) =>
  node.await<ChangeAnswer>((done) =>
    node.replica.regions.retire(region, undefined, { force, lost: lost.map((each) => each as ReplicaId) }, done),
  )

const standings = (node: TestNode): string =>
  node.replica.regions
    .status()
    .members.map(({ region, status }) => `${region} ${status}`)
    .join(', ')

/** `eu` and `us` with some data, linked. */
const founded = () => {
  const time = new TestTime()
  const eu = new TestNode(time, 'eu', 1)
  const us = new TestNode(time, 'us', 2)
  eu.create()
  const link = eu.link(us)
  converge(time, eu, us)
  for (let i = 0; i < 50; i++) eu.write([put(i, { i })])
  converge(time, eu, us)
  time.until(() => standings(us) === 'eu active, us active', 'both know of each other')
  return { time, eu, us, link }
}

test('[MB20] a region that joins serves nobody before it has caught up, and counts nobody before it was added', () => {
  const { time, eu, us } = founded()
  const ap = new TestNode(time, 'ap', 3, { joins: true })
  expect(ap.replica.unservable()?.message).toMatch(/region ap is joining: no active region is linked yet/)
  expect(() => ap.put(1)).toThrow(/joining/)
  ap.link(eu)
  ap.link(us)
  time.until(() => ap.replica.unservable() === undefined, 'ap serves')
  expect(standings(ap)).toBe('eu active, us active, ap joining')
  expect(() => ap.replica.barriers.needed('quorum')).toThrow(/region ap is joining and no active member/)
  expect(eu.replica.barriers.needed('all')).toBe(2)
  ap.restart()
  expect(ap.replica.unservable()).toBeUndefined()
  expect(ap.replica.status().standing).toBe('joining')
})

test('[MB21] it is added by the votes of all, once they have seen it catch up', () => {
  const { time, eu, us } = founded()
  const ap = new TestNode(time, 'ap', 3, { joins: true })
  ap.link(eu)
  const link = ap.link(us)
  time.until(() => standings(us).includes('ap joining'), 'us knows ap')
  link.cut()
  expect(add(eu, 'ap').value).toMatchObject({ state: 'pending', replica: 3 })
  time.run(10_000)
  // us cannot see how far ap is.
  expect(standings(eu)).toBe('eu active, us active, ap joining')
  const [pending] = us.replica.regions.status().pending
  expect(pending).toMatchObject({ change: 'add', region: 'ap', missing: ['us'] })
  expect(pending?.obstacle).toMatch(/region ap \(replica 3\) has not caught up yet/)
  ap.link(us)
  time.until(() => standings(ap) === 'eu active, us active, ap active', 'ap is added')
  time.until(() => [eu, us, ap].every((node) => node.replica.status().configuration === 1), 'all use it')
  expect(eu.replica.barriers.needed('quorum')).toBe(2)
  expect(eu.replica.barriers.needed('all')).toBe(3)
  expect(add(us, 'ap').value).toMatchObject({ state: 'in effect' })
})

test('[MB36] to ask how a change stands has no effect on the vote: it is about what is held when it is thought of', () => {
  const { time, eu, us } = founded()
  const ap = new TestNode(time, 'ap', 3, { joins: true })
  const links = [ap.link(eu), ap.link(us)]
  time.until(() => [eu, us].every((node) => standings(node).includes('ap joining')), 'both know ap')
  converge(time, eu, us, ap)
  time.run(2000)
  add(us, 'ap')
  const pending = (node: TestNode) => node.replica.regions.status().pending[0]
  time.until(() => pending(eu) !== undefined && ap.vector[2] === us.vector[2], 'eu and ap have heard of it')
  // Nothing comes to ap any more, and eu has not thought of its vote yet.
  for (const { far } of links) far.meddle = (frame, message) => (message?.type === 'update' ? [] : [frame])
  expect(pending(eu)).toMatchObject({ change: 'add', missing: ['eu', 'us'] })
  eu.put('since then')
  time.run(5000)
  expect(pending(eu)).toMatchObject({ missing: ['eu'], obstacle: 'region ap (replica 3) has not caught up yet' })
  for (const { far } of links) far.meddle = (frame) => [frame]
  time.until(() => [eu, us, ap].every((node) => standings(node).endsWith('ap active')), 'ap is added')
  expect(ap.read('since then')).toEqual({})
})

test('[MB22] a retired region is refused with the way out, turns read-only over restarts, and holds nothing back', () => {
  const { time, eu, us } = founded()
  const ap = new TestNode(time, 'ap', 3)
  ap.link(eu)
  ap.link(us)
  time.until(() => standings(us).includes('ap active') && standings(eu).includes('ap active'), 'ap founded too')
  retire(eu, 'ap')
  time.until(() => standings(us).includes('ap retired'), 'ap is retired')
  time.until(() => ap.replica.readOnlyReason()?.code === 'IDENTITY_CONFLICT', 'ap knows')
  expect(() => ap.put(1)).toThrow(/retired.*--join and a fresh --replica-number/)
  ap.restart()
  expect(() => ap.put(1)).toThrow(/retired/)
  const link = ap.link(eu)
  time.run(100)
  expect(link.isOpen).toBe(false)
  eu.put('after')
  converge(time, eu, us)
  time.run(3000)
  expect(eu.replica.barriers.needed('all')).toBe(2)
  expect(() => add(eu, 'ap')).toThrow(/was retired for good/)
})

test('[MB29] a region stops writing when it votes for its retirement, and nothing that it acknowledged is lost', () => {
  const { time, eu, us } = founded()
  const ap = new TestNode(time, 'ap', 3, { commitMs: 20 })
  const toEu = ap.link(eu)
  const toUs = ap.link(us)
  time.until(() => standings(us).includes('ap active') && standings(eu).includes('ap active'), 'ap founded too')
  converge(time, eu, us, ap)
  // Some of what it sends is lost: eu and us are behind when it votes.
  let sent = 0
  for (const link of [toEu, toUs])
    link.near.meddle = (frame, message) => (message?.type === 'update' && ++sent % 8 === 0 ? [] : [frame])
  const acknowledged: number[] = []
  const obstacles = new Set<string | undefined>()
  retire(eu, 'ap')
  for (let id = 1000; !standings(eu).includes('ap retired'); id++) {
    if (ap.replica.readOnlyReason() === undefined)
      ap.replica.write({ collection: 'c', ops: [put(id)] }, ({ ok }) => ok && acknowledged.push(id))
    else expect(ap.replica.readOnlyReason()?.message).toMatch(/region ap (is being|was) retired|retired by/)
    obstacles.add(eu.replica.regions.status().pending[0]?.obstacle)
    time.run(40)
    expect(id).toBeLessThan(3000)
  }
  expect(acknowledged.length).toBeGreaterThan(10)
  expect([...obstacles].join()).toMatch(/region ap \(replica 3\) has not voted and may still write/)
  time.until(() => standings(us).includes('ap retired'), 'us knows')
  for (const node of [eu, us]) expect(acknowledged.filter((each) => node.read(each) === undefined)).toEqual([])
})

test('[MB30] what only a region had that was retired by force is refused, whoever brings it, and counted', () => {
  const { time, eu, us } = founded()
  const ap = new TestNode(time, 'ap', 3)
  const links = [ap.link(eu), ap.link(us)]
  time.until(() => standings(us).includes('ap active') && standings(eu).includes('ap active'), 'ap founded too')
  ap.put('held', { by: 'all' })
  converge(time, eu, us, ap)
  for (const link of links) link.cut()
  ap.put('alone', { by: 'ap' })
  // It has what ap alone has, and nobody but ap has heard of it.
  const sa = new TestNode(time, 'sa', 4, { joins: true })
  sa.link(ap)
  time.until(() => sa.read('alone') !== undefined, 'sa has it')
  ap.crash()
  time.run(5000)
  retire(eu, 'ap', true)
  time.until(() => [eu, us].every((node) => standings(node).includes('ap retired')), 'ap is retired')
  const link = sa.link(eu)
  time.until(() => sa.replica.readOnlyReason()?.code === 'IDENTITY_CONFLICT', 'sa is refused')
  expect(link.isOpen).toBe(false)
  expect(() => sa.put(1)).toThrow(
    /took writes of region ap .* that no voter had: start it with an empty data directory/,
  )
  const late = new TestNode(time, 'late', 5, { joins: true })
  late.link(sa)
  late.link(eu)
  time.until(() => late.replica.unservable() === undefined, 'late serves')
  converge(time, eu, us, late)
  for (const node of [eu, us, late]) expect([node.read('held'), node.read('alone')]).toEqual([{ by: 'all' }, undefined])
  sa.restart()
  sa.link(us)
  time.run(2000)
  expect(us.read('alone')).toBeUndefined()
})

test('[MB30] who has voted to retire a region by force takes no more from it, and the rest once another voter has it', () => {
  const { time, eu, us, link } = founded()
  const ap = new TestNode(time, 'ap', 3)
  const toEu = ap.link(eu)
  const toUs = ap.link(us)
  time.until(() => standings(us).includes('ap active') && standings(eu).includes('ap active'), 'ap founded too')
  converge(time, eu, us, ap)
  toEu.cut()
  toUs.cut()
  // us does not vote before eu has this.
  link.far.meddle = (frame, message) => (message?.type === 'update' ? [] : [frame])
  us.put('of us')
  retire(eu, 'ap', true)
  time.until(() => eu.replica.regions.status().pending[0]?.missing.join() === 'us', 'eu has voted')
  // An operator's mistake: it lives, and eu hears it again.
  ap.link(eu)
  ap.put('late')
  time.run(3000)
  expect(eu.read('late')).toBeUndefined()
  expect(eu.replica.status().counters.givenUpRefused).toBeGreaterThan(0)
  expect(eu.warnings.join()).toMatch(/refused transaction \d+ of replica 3, and all after it/)
  // us has not voted, so what it has will be in its vote.
  ap.link(us)
  time.until(() => us.read('late') !== undefined, 'us has it')
  link.far.meddle = (frame) => [frame]
  time.until(() => [eu, us].every((node) => standings(node).includes('ap retired')), 'ap is retired')
  converge(time, eu, us)
  expect(eu.read('late')).toEqual({})
})

test('[MB33] several joining regions that must start over are retired by force, each naming the others, and hold nothing up', () => {
  const { time, eu, us, link } = founded()
  const ap = new TestNode(time, 'ap', 3)
  const apart = [ap.link(eu), ap.link(us)]
  time.until(() => standings(us).includes('ap active') && standings(eu).includes('ap active'), 'ap founded too')
  converge(time, eu, us, ap)
  for (const each of apart) each.cut()
  // us does not vote before eu has this.
  link.far.meddle = (frame, message) => (message?.type === 'update' ? [] : [frame])
  us.put('of us')
  retire(eu, 'ap', true)
  time.until(() => eu.replica.regions.status().pending[0]?.missing.join() === 'us', 'eu has voted')

  // They have what ap alone has, and no vote on what is proposed already.
  ap.put('alone')
  const cutOff = [4, 5].map((number) => new TestNode(time, `jo${number}`, number, { joins: true }))
  for (const each of cutOff) each.link(ap)
  time.until(() => cutOff.every((each) => each.read('alone') !== undefined), 'both have it')
  ap.crash()
  for (const each of cutOff) each.link(eu)
  time.until(() => [eu, us].every((node) => /jo4 joining, jo5 joining/.test(standings(node))), 'both are known')
  link.far.meddle = (frame) => [frame]
  time.until(() => [eu, us].every((node) => standings(node).includes('ap retired')), 'ap is retired')
  const mustStartOver = (node: TestNode) => node.replica.readOnlyReason()?.code === 'IDENTITY_CONFLICT'
  time.until(() => cutOff.every(mustStartOver), 'both are cut off')
  time.until(() => cutOff.every(({ replica }) => !eu.replica.isLinked(replica.region)), 'eu has noticed')
  expect(eu.read('alone')).toBeUndefined()

  // Their processes live on, and each has a vote on the other that will never come: that is said, with the way out.
  for (const name of ['jo4', 'jo5']) retire(eu, name, true)
  time.run(10_000)
  expect(standings(eu)).toMatch(/jo4 joining, jo5 joining/)
  for (const node of [eu, us])
    expect(node.replica.regions.status().pending.find(({ region }) => region === 'jo4')?.obstacle).toMatch(
      /region jo5 \(replica 5\) has a vote and is not linked here: bring it back, or .* name it with lost$/,
    )
  retire(us, 'jo4', true, [5])
  time.until(() => [eu, us].every((node) => standings(node).includes('jo4 retired')), 'the one is retired')
  retire(us, 'jo5', true)
  time.until(() => [eu, us].every((node) => standings(node).includes('jo5 retired')), 'so is the other')

  // Nothing waits for them any more: neither levels, nor what may be forgotten, nor the next change.
  const late = new TestNode(time, 'late', 6, { joins: true })
  for (const node of [eu, us]) late.link(node)
  time.until(() => standings(eu).includes('late joining') && late.replica.unservable() === undefined, 'late serves')
  add(eu, 'late')
  time.until(() => [eu, us, late].every((node) => standings(node).includes('late active')), 'late is added')
  converge(time, eu, us, late)
  expect(eu.replica.barriers.needed('all')).toBe(3)
  eu.write([del(1)])
  converge(time, eu, us, late)
  time.run(10_000)
  expect(eu.replica.status().counters.tombstonesPurged).toBeGreaterThan(0)
})

test('[MB23] a region that nobody knows is refused once the membership has changed, unless it joins', () => {
  const { time, eu, us } = founded()
  const ap = new TestNode(time, 'ap', 3, { joins: true })
  ap.link(eu)
  ap.link(us)
  time.until(() => standings(us).includes('ap'), 'us knows ap')
  add(us, 'ap')
  time.until(() => eu.replica.status().configuration === 1, 'ap is added')
  const sa = new TestNode(time, 'sa', 4)
  const link = sa.link(eu)
  time.run(100)
  expect(link.isOpen).toBe(false)
  expect(sa.warnings.join()).toMatch(/start it with an empty data directory and --join/)
  expect(standings(eu)).not.toMatch(/sa/)
})

test('[MB24] of two wishes at once one comes first, and the other comes about when it is asked for again', () => {
  const { time, eu, us, link } = founded()
  const [ap, sa] = [new TestNode(time, 'ap', 3, { joins: true }), new TestNode(time, 'sa', 4, { joins: true })]
  for (const node of [ap, sa]) for (const peer of [eu, us]) node.link(peer)
  ap.link(sa)
  time.until(() => [eu, us].every((node) => standings(node).endsWith('ap joining, sa joining')), 'both are known')
  link.cut()
  add(eu, 'ap')
  add(us, 'sa')
  eu.link(us)
  time.until(() => [eu, us].every((node) => node.replica.status().configuration === 1), 'one is in effect')
  expect(new Set([standings(eu), standings(us)]).size).toBe(1)
  for (const region of ['ap', 'sa']) {
    add(eu, region)
    time.until(() => standings(us).includes(`${region} active`), `${region} is added`)
  }
  time.until(() => [eu, us, ap, sa].every((node) => node.replica.status().configuration === 2), 'all are there')
})

test('[MB25] force is refused against a region that is linked, and retires one that is gone', () => {
  const { time, eu, us, link } = founded()
  expect(() => eu.replica.regions.retire(parseRegionId('us'), undefined, { force: true }, () => {})).toThrow(
    /is there, and force is for regions that will never act again/,
  )
  expect(() => eu.replica.regions.retire(parseRegionId('eu'), undefined, { force: true }, () => {})).toThrow(
    /region eu .*is there/,
  )
  link.cut()
  us.crash()
  retire(eu, 'us')
  time.run(10_000)
  expect(standings(eu)).toBe('eu active, us active')
  retire(eu, 'us', true)
  time.until(() => standings(eu) === 'eu active, us retired', 'us is retired')
  expect(eu.replica.barriers.needed('all')).toBe(1)
  expect(() => eu.replica.regions.retire(parseRegionId('eu'), undefined, {}, () => {})).toThrow(
    /the only active region cannot be retired/,
  )
})

test('[MB34] a number among the lost that nobody has is refused, and nothing is asked for', () => {
  const { time, eu, us } = founded()
  us.crash()
  time.until(() => !eu.replica.isLinked(parseRegionId('us')), 'eu has noticed')
  expect(() => retire(eu, 'us', true, [7])).toThrow(
    'lost: no region has the replica number 7; those of this cluster are 1 (eu), 2 (us)',
  )
  expect(eu.replica.regions.status().pending).toEqual([])
  retire(eu, 'us', true, [2])
  time.until(() => standings(eu) === 'eu active, us retired', 'us is retired')
})

test('[MB32] a change that only a joining region saw all votes for is not forced away, and the next one comes about', () => {
  const { time, eu, us, link } = founded()
  const ap = new TestNode(time, 'ap', 3)
  const apart = [link, ap.link(eu)]
  ap.link(us)
  time.until(() => [eu, us].every((node) => standings(node).includes('ap active')), 'ap founded too')
  const jo = new TestNode(time, 'jo', 4, { joins: true })
  const toEu = jo.link(eu)
  const others = [jo.link(us), jo.link(ap)]
  time.until(() => [eu, us, ap].every((node) => standings(node).includes('jo joining')), 'all know jo')
  converge(time, eu, us, ap, jo)

  const configuration = (node: TestNode): number => node.replica.status().configuration
  const missing = (node: TestNode) => node.replica.regions.status().pending[0]?.missing
  retire(ap, 'us')
  // What jo hears it acknowledges, and what it passes on is lost.
  for (const { near } of others) near.meddle = (frame, message) => (message?.type === 'update' ? [] : [frame])
  time.until(() => missing(eu)?.join() === 'eu', 'eu has the votes of the others')
  for (const each of apart) each.cut()
  time.until(() => configuration(jo) === 1, 'jo sees it in effect')
  toEu.cut()
  expect([missing(us), missing(ap)]).toEqual([['eu'], ['eu']])

  // eu is lost, and with it what only jo has heard of its vote.
  expect(retire(ap, 'eu', true).value).toMatchObject({ state: 'pending' })
  time.until(() => missing(us)?.join() === 'jo' && missing(ap)?.join() === 'jo', 'us and ap have voted for the other')
  for (const each of others) each.cut()
  jo.link(us)
  jo.link(ap)
  time.until(() => [ap, jo].every((node) => configuration(node) === 1), 'what jo saw is in effect')
  for (const node of [ap, jo]) expect(standings(node)).toBe('eu active, us retired, ap active, jo joining')
  time.until(() => us.replica.readOnlyReason()?.code === 'IDENTITY_CONFLICT', 'us knows')
  retire(ap, 'eu', true)
  for (const node of [ap, jo])
    time.until(() => standings(node) === 'eu retired, us retired, ap active, jo joining', 'eu is retired next')
  add(ap, 'jo')
  time.until(() => [ap, jo].every((node) => configuration(node) === 3), 'jo is added')
})

test('[MB22] who is joining refuses the retired one without a word that is for good', () => {
  const { time, eu, us, link } = founded()
  const jo = new TestNode(time, 'jo', 4, { joins: true })
  jo.link(eu)
  const toUs = jo.link(us)
  time.until(() => [eu, us].every((node) => standings(node).includes('jo joining')), 'both know jo')
  toUs.cut()
  link.cut()
  retire(eu, 'us', true)
  time.until(() => [eu, jo].every((node) => standings(node).includes('us retired')), 'both know')
  const again = jo.link(us)
  time.until(() => !again.isOpen, 'jo refuses it')
  time.run(1000)
  expect(us.replica.readOnlyReason()).toBeUndefined()
  add(eu, 'jo')
  time.until(() => standings(jo).includes('jo active'), 'jo is added')
  jo.link(us)
  time.until(() => us.replica.readOnlyReason()?.code === 'IDENTITY_CONFLICT', 'us learns it from jo')
})

test('[MB26] ten interruptions of a bootstrap cost less than 1.3 times the bytes of an undisturbed one', () => {
  const settings = { transferChunkBytes: 4000, transferWindow: 4, logRetentionEntries: 3, maintenanceMs: 50 }
  const bytesOf = (cuts: number): number => {
    const time = new TestTime()
    const eu = new TestNode(time, 'eu', 1, { settings })
    eu.create()
    for (let i = 0; i < 400; i++) eu.write([put(i, { text: `${i}`.repeat(300) })])
    time.run(3000)
    const ap = new TestNode(time, 'ap', 2, { settings, joins: true, commitMs: 5 })
    const before = eu.replica.status().counters.bytesOut
    const full = eu.replica.status().storage.blockBytes
    for (let cut = 1; cut <= cuts; cut++) {
      const link = ap.link(eu)
      const isFarEnough = () =>
        ap.replica.isLinked(eu.replica.region) && ap.replica.status().storage.blockBytes >= (full * cut) / (cuts + 1)
      time.until(isFarEnough, `part ${cut} of the state`)
      const { bytes } = ap.replica.status().bootstrap!
      expect([bytes.done > 0, bytes.of >= bytes.done]).toEqual([true, true])
      expect(ap.replica.unservable()?.message).toMatch(/transactions and \d+ of about \d+ bytes are here/)
      link.cut()
      if (cut % 2 === 0) ap.restart()
      eu.put(`while ${cut}`)
    }
    ap.link(eu)
    time.until(() => ap.replica.unservable() === undefined, 'ap serves')
    converge(time, eu, ap)
    return eu.replica.status().counters.bytesOut - before
  }
  const undisturbed = bytesOf(0)
  expect(undisturbed).toBeGreaterThan(300_000)
  expect(bytesOf(10) / undisturbed).toBeLessThan(1.3)
})

/** Three founders, numbered from `first`; `us` was away while `ap` wrote more than its log keeps, and took in a part of its state before `ap` was lost. */
const bereft = (first = 1) => {
  const settings = { transferChunkBytes: 2000, transferWindow: 2, logRetentionEntries: 5, maintenanceMs: 50 }
  const time = new TestTime()
  const [eu, us, ap] = [
    new TestNode(time, 'eu', first, { settings }),
    new TestNode(time, 'us', first + 1, { settings }),
    new TestNode(time, 'ap', first + 2, { settings }),
  ]
  eu.create()
  const toEu = ap.link(eu)
  const toUs = ap.link(us)
  eu.link(us)
  converge(time, eu, us, ap)
  time.until(() => standings(us) === 'eu active, us active, ap active', 'all are known')
  toEu.cut()
  toUs.cut()
  ap.create('of-ap')
  for (let i = 0; i < 100; i++) ap.put(i, { text: 'x'.repeat(400) })
  time.run(1000)
  const again = ap.link(us)
  time.until(() => us.replica.collection('c').liveCount > 20, 'a part of the state')
  again.cut()
  ap.crash()
  return { time, eu, us }
}

test('[MB27] what one region has of a lost one in part reaches all before it is retired', () => {
  const { time, eu, us } = bereft()
  const before = us.replica.collection('c').liveCount
  expect(us.vector[3]).toBe(eu.vector[3])
  expect(eu.replica.collection('c').liveCount).toBe(0)
  us.restart()
  retire(us, 'ap', true)
  const link = us.link(eu)
  link.near.meddle = (frame, message) => (message?.type === 'offer' ? [] : [frame])
  time.run(5000)
  const [pending] = us.replica.regions.status().pending
  expect(pending?.obstacle).toMatch(
    /region eu \(replica 1\) has not taken what is here of region ap \(replica 3\) in part/,
  )
  link.near.meddle = (frame) => [frame]
  time.until(() => [eu, us].every((node) => standings(node).includes('ap retired')), 'ap is retired')
  expect(eu.replica.collection('c').liveCount).toBe(before)
  expect(eu.digests()).toEqual(us.digests())
  // It says nothing of what is covered.
  expect(eu.vector[3]).toBe(us.vector[3])
  const sa = new TestNode(time, 'sa', 4, { joins: true })
  sa.link(eu)
  time.until(() => sa.replica.unservable() === undefined, 'sa serves')
  time.until(() => sa.digests().join() === us.digests().join(), 'sa shows the same')
})

test('[AE5] a part of a state whose transfer was interrupted is no divergence', () => {
  const { time, eu, us } = bereft()
  time.run(65_000)
  expect(eu.digests()).not.toEqual(us.digests())
  for (const { replica } of [eu, us])
    expect(replica.status().counters).toMatchObject({ recordsRepaired: 0, digestsUnequal: 0 })
})

test.each([
  ['higher', 1, 9],
  ['lower', 5, 1],
])(
  '[AE8] one of a %s number that joins is compared once it has taken what is here in part of a retired region',
  (_, first, number) => {
    const { time, eu, us } = bereft(first)
    const lost = first + 2
    us.link(eu)
    retire(us, 'ap', true)
    time.until(() => [eu, us].every((node) => standings(node).includes('ap retired')), 'ap is retired')
    const sa = new TestNode(time, 'sa', number, { joins: true })
    const link = sa.link(eu)
    // Nothing is handed to one that is not known yet: so the log brings it to the vector, and then it is not offered the part.
    link.near.meddle = (frame, message) => (message?.type === 'update' ? [] : [frame])
    link.far.meddle = (frame, message) => (message?.type === 'offer' && message.origin === lost ? [] : [frame])
    time.until(() => sa.vector[lost] === eu.vector[lost], 'sa holds what eu holds of ap')
    link.near.meddle = (frame) => [frame]
    converge(time, eu, us, sa)
    time.run(95_000)
    expect(sa.vector).toEqual(eu.vector)
    expect(sa.replica.collection('c').liveCount).toBeLessThan(eu.replica.collection('c').liveCount)
    const agreements = (node: TestNode, of: string) =>
      node.replica.agreements('c').map(({ peers }) => peers.find(({ region }) => region === of)?.state)
    expect(agreements(eu, 'sa')).toEqual(['unknown', 'unknown'])
    link.far.meddle = (frame) => [frame]
    time.until(
      () => [...agreements(eu, 'sa'), ...agreements(sa, 'eu')].every((state) => state === 'agree'),
      'a comparison',
    )
    expect(sa.digests()).toEqual(eu.digests())
    for (const { replica } of [eu, us, sa])
      expect(replica.status().counters).toMatchObject({ recordsRepaired: 0, digestsUnequal: 0 })
  },
)

test('[MB35] a region is added once it has taken from each member what that holds of a retired one in part', () => {
  const { time, eu, us } = bereft()
  us.link(eu)
  retire(us, 'ap', true)
  time.until(() => [eu, us].every((node) => standings(node).includes('ap retired')), 'ap is retired')
  const sa = new TestNode(time, 'sa', 4, { joins: true })
  const links = [sa.link(eu), sa.link(us)]
  const [toEu, toUs] = links as [TestLink, TestLink]
  for (const { near, far } of links) {
    // As in AE8: the log brings it to the vector, and then it is not offered the part.
    near.meddle = (frame, message) => (message?.type === 'update' ? [] : [frame])
    far.meddle = (frame, message) => (message?.type === 'offer' && message.origin === 3 ? [] : [frame])
  }
  time.until(() => sa.vector[3] === eu.vector[3], 'sa holds what the others hold of ap')
  for (const { near } of links) near.meddle = (frame) => [frame]
  converge(time, eu, us, sa)
  expect(add(eu, 'sa').value).toMatchObject({ state: 'pending' })
  time.run(10_000)
  converge(time, eu, us, sa)
  expect(sa.replica.collection('c').liveCount).toBeLessThan(eu.replica.collection('c').liveCount)
  for (const node of [eu, us])
    expect(node.replica.regions.status().pending).toMatchObject([
      {
        ...{ change: 'add', region: 'sa', missing: ['eu', 'us'] },
        obstacle: 'region sa (replica 4) has not taken what is here of region ap (replica 3) in part',
      },
    ])
  toEu.far.meddle = (frame) => [frame]
  time.until(() => us.replica.regions.status().pending[0]?.missing.join() === 'us', 'eu votes')
  time.run(10_000)
  expect(standings(us)).toContain('sa joining')
  toUs.far.meddle = (frame) => [frame]
  time.until(() => [eu, us, sa].every((node) => standings(node).endsWith('sa active')), 'sa is added')
  // The part is all that is left of ap, and sa has it when the others go at once.
  expect(sa.digests()).toEqual(us.digests())
})

test('[AE9] two regions are compared again once what one declined of a retired region has come to it from another', () => {
  const { time, eu, us } = bereft()
  us.link(eu)
  retire(us, 'ap', true)
  time.until(() => [eu, us].every((node) => standings(node).includes('ap retired')), 'ap is retired')
  const sa = new TestNode(time, 'sa', 4, { joins: true })
  sa.link(eu)
  time.until(() => sa.replica.unservable() === undefined, 'sa serves')
  time.until(() => sa.digests().join() === us.digests().join(), 'sa has the part')
  // It had no vote on ap, and is no member yet: what it hands on of ap beyond the frontier may be what was given up.
  const late = new TestNode(time, 'late', 5, { joins: true })
  const link = late.link(sa)
  time.until(() => late.replica.status().counters.givenUpRefused > 0, 'late declines it')
  time.run(60_000)
  expect(late.replica.status().counters.givenUpRefused).toBe(1)
  const between = (node: TestNode, of: string) =>
    node.replica.agreements('c').map(({ peers }) => peers.find(({ region }) => region === of)?.state)
  expect(between(sa, 'late')).toEqual(['unknown', 'unknown'])
  late.link(eu)
  time.until(() => late.digests().join() === eu.digests().join(), 'late has it from eu')
  time.until(() => [...between(sa, 'late'), ...between(late, 'sa')].every((state) => state === 'agree'), 'a comparison')
  expect(link.isOpen).toBe(true)
})

test('[MB28] catalog changes of a lost region reach all, and so does what was built on them', () => {
  const { time, eu, us } = bereft()
  expect(us.replica.collections().map(({ name }) => name)).toEqual(['c', 'of-ap'])
  us.create('on-top')
  us.write([put(1, { of: 'us' })], 'on-top')
  const names = () => eu.replica.collections().map(({ name }) => name)
  expect(names()).toEqual(['c'])
  us.link(eu)
  time.until(() => names().length === 3, 'eu knows them all', 20_000)
  converge(time, eu, us)
  expect(eu.read(1, 'on-top')).toEqual({ of: 'us' })
  eu.restart()
  expect(names().sort()).toEqual(['c', 'of-ap', 'on-top'])
})

test('[MB31] a retirement with a vote of an earlier version says that only force ends it, and force does', () => {
  const { time, eu, us } = founded()
  const ap = new TestNode(time, 'ap', 3)
  const links = [ap.link(eu), ap.link(us)]
  time.until(() => standings(us).includes('ap active') && standings(eu).includes('ap active'), 'ap founded too')
  const { propose } = Catalog.prototype
  try {
    Catalog.prototype.propose = function (edit) {
      const isOfAp = edit.type === 'voteMember' && edit.stamp.writer === 3
      return propose.call(this, isOfAp ? { ...edit, held: undefined } : edit)
    }
    retire(eu, 'ap')
    time.until(() => /retired/.test(ap.replica.readOnlyReason()?.message ?? ''), 'ap has voted')
    time.run(10_000)
  } finally {
    Catalog.prototype.propose = propose
  }
  expect(standings(eu)).toContain('ap active')
  expect(eu.replica.regions.status().pending[0]?.obstacle).toMatch(
    /region ap \(replica 3\) has voted under an earlier version.*stop it, then retire it with --force/,
  )
  ap.crash()
  for (const link of links) link.cut()
  time.run(5000)
  expect(retire(eu, 'ap', true).error).toBeUndefined()
  time.until(() => [eu, us].every((node) => standings(node).includes('ap retired')), 'ap is retired')
})
