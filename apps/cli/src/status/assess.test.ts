import type { ClusterInfo } from '@meridian/client'
import { expect, test } from 'vitest'
import { assess, type RegionReport } from './assess.js'
import { statusText } from './table.js'

const NAMES = ['eu', 'us', 'ap']

const up = (
  region: string,
  digest: string,
  over: { writes?: number; state?: 'linked' | 'down'; enabled?: boolean; bad?: string } = {},
): RegionReport => {
  const peers = NAMES.filter((name) => name !== region)
  const cluster: ClusterInfo = {
    region,
    replica: 7,
    version: '0.1.0',
    uptimeSeconds: 1,
    vectors: { acked: {}, merged: {}, indexed: {} },
    peers: peers.map((name) => ({
      region: name,
      replica: 8,
      state: over.state ?? 'linked',
      behind: { seconds: 1.25, writes: over.writes ?? 0, bytes: 2048 },
      via: [],
      transfer: 'none',
      inFlight: { frames: 0, bytes: 0 },
      enabled: over.enabled ?? true,
    })),
    onlyHere: { seconds: over.writes === undefined ? 0 : 2.5, writes: over.writes ?? 0, bytes: 3072, unheard: [] },
    degradations: over.bad === undefined ? [] : [{ code: 'PEER_SILENT', message: over.bad, forSeconds: 12 }],
    collections: [{ name: 'c', uid: 'u', points: 1200, tombstones: 3, shards: 1, indexPending: 50 }],
  }
  const shards = [{ shard: 0, live: 1200, tombstones: 3, digest }]
  return {
    kind: 'up',
    url: `http://${region}`,
    cluster,
    digests: new Map([['c', { collection: 'c', uid: 'u', live: 1200, shards }]]),
  }
}
const down: RegionReport = { kind: 'down', url: 'http://ap', reason: 'refused' }

test('[CS1] equal digests: exit 0', () => {
  expect(assess(NAMES.map((name) => up(name, 'aa')))).toMatchObject({ isEqual: true, isCaughtUp: true, exitCode: 0 })
})

test('[CS2] a region that is down: exit 1, whatever the others say', () => {
  expect(assess([up('eu', 'aa'), up('us', 'bb'), down])).toMatchObject({ isWhole: false, exitCode: 1 })
  expect(statusText([up('eu', 'aa'), down], assess([up('eu', 'aa'), down]))).toContain('1 region is down.')
})

test('[CS3] digests that differ: exit 3 only when nothing is on its way any more', () => {
  const differing = (over: object) => assess([up('eu', 'aa', over), up('us', 'bb'), up('ap', 'aa')])
  expect(differing({})).toMatchObject({ isEqual: false, isCaughtUp: true, exitCode: 3 })
  expect(differing({ writes: 2 })).toMatchObject({ isEqual: false, isCaughtUp: false, exitCode: 0 })
  expect(differing({ state: 'down' })).toMatchObject({ isCaughtUp: false, exitCode: 0 })
})

test('[CS3] a collection that one region does not have yet is a difference', () => {
  const without: RegionReport = { ...(up('us', 'aa') as RegionReport & { kind: 'up' }), digests: new Map() }
  const assessment = assess([up('eu', 'aa'), without])
  expect(assessment.collections).toEqual([{ name: 'c', live: [1200, undefined], isEqual: false }])
})

test('[CS4] the table names regions, lag, counts, pending index and cut links', () => {
  const reports = [up('eu', 'aa', { writes: 5 }), up('us', 'bb', { enabled: false })]
  const text = statusText(reports, assess(reports))
  expect(text).toMatch(/eu +http:\/\/eu +up +7 +1,200 +3 +50/)
  expect(text).toMatch(/eu to ap +linked +1\.3 s +5 +2\.0 KiB/)
  expect(text).toMatch(/us to eu +cut on purpose/)
  expect(text).toMatch(/c +1,200 +1,200 +differ/)
  expect(text).toContain('on their way')
  expect(text).toMatch(/lost if it burns now +writes +bytes\n.*eu +2\.5 s +5 +3\.0 KiB\n.*us +0\.0 s +0/)
})

test('[CS5] what is wrong is listed by region, with the sentence and for how long', () => {
  const reports = [up('eu', 'aa', { bad: 'region us has not been heard for 12 s' }), up('us', 'aa')]
  const text = statusText(reports, assess(reports))
  expect(text).toMatch(/eu +12 s +PEER_SILENT +region us has not been heard for 12 s/)
  expect(assess(reports).exitCode).toBe(0)
  const sound = [up('eu', 'aa')]
  expect(statusText(sound, assess(sound))).not.toContain('wrong now')
})
