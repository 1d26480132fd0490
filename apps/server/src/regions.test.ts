import { expect, test } from 'vitest'
import { openKit } from './testing/region-kit.js'

test('[SV7] members are listed; what cannot be added or retired is refused with a sentence', async () => {
  await using kit = await openKit()
  const regions = await kit.ok('GET', '/meridian/regions')
  expect(regions).toMatchObject({ configuration: 0, pending: [], members: [{ region: 'eu', status: 'active' }] })
  expect(regions.members[0].since).toMatch(/^\d{4}-.*Z$/)
  const refused = async (method: string, path: string, body?: unknown) => {
    const { status, json } = await kit.send(method, path, body)
    return `${status} ${json.status.error}`
  }
  expect(await refused('POST', '/meridian/regions', { region: 'ap' })).toMatch(
    /^404 .*no region ap is known here: start it/,
  )
  expect(await refused('POST', '/meridian/regions', { region: 'A P' })).toMatch(
    /^400 .*region: must be 1-32 characters/,
  )
  expect(await refused('POST', '/meridian/regions', { name: 'ap' })).toMatch(/^400 .*unknown field `name`/)
  expect(await refused('POST', '/meridian/regions', { region: 'ap', replica: 256 })).toMatch(/^422 .*from 1 to 255/)
  expect(await refused('DELETE', '/meridian/regions/eu')).toMatch(/^400 .*only active region cannot be retired/)
  expect(await refused('DELETE', '/meridian/regions/eu?force=yes')).toMatch(/^400 .*force: "yes" must be true or false/)
  expect(await refused('DELETE', '/meridian/regions/eu?lost=3')).toMatch(/^400 .*send force=true with it/)
  expect(await refused('DELETE', '/meridian/regions/eu?force=true&lost=x')).toMatch(
    /^400 .*replica numbers from 1 to 255/,
  )
  expect(await kit.ok('POST', '/meridian/regions', { region: 'eu' })).toMatchObject({ state: 'in effect' })
})

test('[SV8] a region that is joining refuses reads and writes with how far it is, and serves operators', async () => {
  await using kit = await openKit({ flags: { join: 'on', peer: 'us=http://127.0.0.1:9' } })
  for (const [method, path] of [
    ['GET', '/collections'],
    ['PUT', '/collections/c'],
    ['GET', '/aliases'],
    ['GET', '/readyz'],
  ] as const) {
    const { status, text } = await kit.send(method, path, method === 'PUT' ? {} : undefined)
    expect([path, status]).toEqual([path, 503])
    expect(text).toMatch(/region eu is joining: no active region is linked yet/)
  }
  expect((await kit.send('GET', '/livez')).status).toBe(200)
  expect(await kit.ok('GET', '/meridian/cluster')).toMatchObject({ standing: 'joining', bootstrap: { isDone: false } })
  expect((await kit.send('POST', '/meridian/regions', { region: 'eu' })).status).toBe(503)
})
