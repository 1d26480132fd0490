import { StoreError } from '@meridian/core'
import { beforeEach, describe, expect, test } from 'vitest'
import type { Message } from '../message.js'
import { converge, del, must, type Outcome, put, TestNode } from '../test-node.js'
import type { TestLink } from '../test-link.js'
import { TestTime } from '../test-time.js'
import type { RegisterWrite } from './register.js'

const SETTINGS = { heartbeatMs: 1000, silenceMs: 600_000, relayAfterMs: 60_000 }
let time: TestTime
let eu: TestNode
let us: TestNode
let ap: TestNode
let links: { euUs: TestLink; euAp: TestLink; usAp: TestLink }

beforeEach(() => {
  time = new TestTime()
  eu = new TestNode(time, 'eu', 1, { settings: SETTINGS })
  us = new TestNode(time, 'us', 2, { settings: SETTINGS })
  ap = new TestNode(time, 'ap', 3, { settings: SETTINGS })
  links = { euUs: eu.link(us), euAp: eu.link(ap), usAp: us.link(ap) }
  converge(time, eu, us, ap)
  eu.create()
  converge(time, eu, us, ap)
})

const mute = (link: TestLink, type?: Message['type']): void => {
  for (const end of [link.near, link.far])
    end.meddle = (frame, message) => (type === undefined || message?.type === type ? [] : [frame])
}
const write = (node: TestNode, ops = [put('1', { by: node.region })], timeoutMs = 2000): Outcome<RegisterWrite> =>
  node.await<RegisterWrite>((done) => node.replica.register.write({ collection: 'c', ops }, timeoutMs, done))
const read = (node: TestNode, timeoutMs = 2000): Outcome<unknown> =>
  node.await<unknown>((done) =>
    node.replica.register.read('c', ['1'], timeoutMs, () => node.read('1')?.by ?? 'nothing', done),
  )
const code = (call: () => unknown): string | undefined => {
  try {
    call()
  } catch (error) {
    return (error as StoreError).code
  }
  return undefined
}

describe('writes', () => {
  test('[GU80] a stamp is above every stamp that a majority had, however far the clock is behind', () => {
    links.euAp.cut()
    eu.clock.offsetMs = 400
    expect(must(write(eu)).found.isMet).toBe(true)
    // ap has heard of nothing: eu is cut off from it, and us does not relay yet.
    expect(ap.read('1')).toBeUndefined()
    expect(must(write(ap)).found.isMet).toBe(true)
    time.run(100)
    expect([us.read('1'), ap.read('1')]).toEqual([{ by: 'ap' }, { by: 'ap' }])
  })

  test('[GU80] a delete and a put follow each other in any regions', () => {
    must(write(eu))
    must(write(us, [del('1')]))
    expect(must(read(ap))).toBe('nothing')
    must(write(ap))
    expect(must(read(eu))).toBe('ap')
  })

  test('[GU81] without a majority nothing is written: at once when no link is there, else when time is over', () => {
    for (const link of [links.euUs, links.euAp]) mute(link)
    const late = write(eu, undefined, 300)
    expect(late.error?.code).toBe('NO_QUORUM')
    expect(eu.read('1')).toBeUndefined()
    links.euUs.cut()
    links.euAp.cut()
    expect(code(() => write(eu))).toBe('NO_QUORUM')
    expect(code(() => read(eu))).toBe('NO_QUORUM')
    expect(eu.read('1')).toBeUndefined()
    expect(must(write(us)).found.isMet).toBe(true)
  })

  test('[GU82] what loses its majority after it was written is told as it is: written here, and where else', () => {
    for (const link of [links.euUs, links.euAp]) mute(link, 'update')
    const { found } = must(write(eu, undefined, 300))
    expect(found).toEqual({ isMet: false, needed: 2, durableIn: ['eu'], missingIn: ['us', 'ap'] })
    expect(eu.read('1')).toEqual({ by: 'eu' })
  })

  test('[GU83] the end of the store ends what waits, and says so', () => {
    for (const link of [links.euUs, links.euAp]) mute(link)
    const codes: string[] = []
    const noted = (outcome: { ok: boolean; error?: StoreError }): void => void codes.push(outcome.error?.code ?? 'done')
    eu.replica.register.write({ collection: 'c', ops: [put('1')] }, 60_000, noted)
    eu.replica.register.read('c', ['1'], 60_000, () => 1, noted)
    eu.replica.shutDown(() => {})
    expect(codes).toEqual(['SHUTTING_DOWN', 'SHUTTING_DOWN'])
  })
})

describe('reads', () => {
  test('[GU84] what was seen is on a majority before it is answered', () => {
    for (const link of [links.euUs, links.euAp]) mute(link, 'update')
    eu.put('1', { by: 'eu' })
    const { error } = read(eu, 300)
    expect(error?.code).toBe('NO_QUORUM')
    expect(error?.message).toMatch(/missing in us, ap/)
    for (const link of [links.euUs, links.euAp])
      for (const end of [link.near, link.far]) end.meddle = (frame) => [frame]
    expect(must(read(eu))).toBe('eu')
    const holders = [us, ap].filter((node) => node.read('1') !== undefined)
    expect(holders.length).toBeGreaterThan(0)
  })

  test('[GU84] the absence that was seen is too', () => {
    must(write(eu))
    time.run(100)
    for (const link of [links.euUs, links.euAp]) mute(link, 'update')
    eu.write([del('1')])
    expect(read(eu, 300).error?.code).toBe('NO_QUORUM')
  })

  test('[GU85] what a read has shown is sent by its region when the writer is gone, long before it would be relayed', () => {
    // Only us gets it, and then eu is gone.
    mute(links.euAp, 'update')
    eu.put('1', { by: 'eu' })
    time.until(() => us.read('1') !== undefined, 'us has it')
    links.euUs.cut()
    links.euAp.cut()
    eu.crash()
    expect(ap.read('1')).toBeUndefined()
    expect(must(read(us))).toBe('eu')
    expect(ap.read('1')).toEqual({ by: 'eu' })
  })

  test('[GU86] what a majority said to have is sent by it when the writer is gone', () => {
    mute(links.euAp, 'update')
    eu.put('1', { by: 'eu' })
    time.until(() => us.read('1') !== undefined, 'us has it')
    links.euUs.cut()
    links.euAp.cut()
    eu.crash()
    expect(must(read(ap))).toBe('eu')
  })

  test('[GU87] while a write of the point waits for its time there is no answer, and of others there is', () => {
    eu.clock.offsetMs = 3000
    eu.put('1', { by: 'eu' })
    time.run(100)
    expect(us.read('1')).toBeUndefined()
    for (const call of [read, (node: TestNode) => write(node, undefined, 300)]) {
      const { error } = call(us, 300)
      expect(error?.code).toBe('CLOCK_SKEW')
      expect(error?.message).toMatch(/point 1 has a write whose stamp is ahead/)
    }
    expect(must(write(us, [put('2')])).found.isMet).toBe(true)
    expect(must(read(us, 5000))).toBe('eu')
    expect(us.replica.status().deferred).toBe(0)
  })

  test('[GU88] a refusal to show what is seen is answered no earlier', () => {
    const refused = (): never => {
      throw new StoreError('POINT_NOT_FOUND', 'gone')
    }
    const look = (timeoutMs: number) =>
      eu.await((done) => eu.replica.register.read('c', ['1'], timeoutMs, refused, done)).error?.code
    must(write(eu))
    for (const link of [links.euUs, links.euAp]) mute(link, 'update')
    eu.write([del('1')])
    expect(look(300)).toBe('NO_QUORUM')
    for (const link of [links.euUs, links.euAp])
      for (const end of [link.near, link.far]) end.meddle = (frame) => [frame]
    expect(look(2000)).toBe('POINT_NOT_FOUND')
  })
})
