import { expect, test } from 'vitest'
import { checkedLookup, checkHost, isRefusedAddress } from './remote-address.js'

test.each([
  '169.254.169.254',
  '169.254.0.1',
  '::ffff:169.254.169.254',
  '::ffff:a9fe:a9fe',
  'fe80::1',
  'fe80::1%eth0',
  'febf::1',
  '64:ff9b::a9fe:a9fe',
  '2002:a9fe:a9fe::1',
  'fd00:ec2::254',
  '100.100.100.200',
  '168.63.129.16',
  '192.0.0.192',
  '64:ff9b::6464:64c8',
  '64:ff9b::192.0.0.192',
  '2002:6464:64c8::1',
  '2002:a83f:8110:1::1',
  '2002:c000:c0::',
])('[SN18] %s is never asked for a snapshot', (address) => {
  expect(isRefusedAddress(address)).toBe(true)
})

test.each([
  '127.0.0.1',
  '10.0.0.1',
  '169.253.255.255',
  '169.255.0.0',
  '::1',
  'fec0::1',
  '2001:db8::1',
  '64:ff9b::6464:64c9',
  '2002:6464:64c9::1',
  'a.example',
])('[SN18] %s may be asked', (address) => {
  expect(isRefusedAddress(address)).toBe(false)
})

test.each([
  'http://0xa9fea9fe/x',
  'http://2852039166/x',
  'http://169.254.43518./x',
  'http://[::ffff:169.254.169.254]/x',
])('[SN18] %s is the address that it stands for', (text) => {
  expect(() => checkHost(new URL(text).hostname)).toThrow(/link-local/)
})

test('[SN18] a name is looked up once, and what comes of it is checked before it is dialed', async () => {
  const found = await new Promise((resolve) =>
    checkedLookup('localhost', { all: true }, (error, addresses) => resolve([error, addresses])),
  )
  expect(found).toEqual([null, expect.arrayContaining([expect.objectContaining({ address: expect.any(String) })])])
  const one = await new Promise((resolve) =>
    checkedLookup('127.0.0.1', {}, (error, address, family) => resolve([error, address, family])),
  )
  expect(one).toEqual([null, '127.0.0.1', 4])
  const refused = await new Promise<Error | null>((resolve) =>
    checkedLookup('169.254.169.254', {}, (error) => resolve(error)),
  )
  expect(refused).toMatchObject({ code: 'WRONG_INPUT' })
})
