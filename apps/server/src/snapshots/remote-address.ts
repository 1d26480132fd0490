import { lookup as resolveName } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { wrongInput } from '../http/errors.js'

/**
 * Where a machine keeps its own credentials: link-local addresses (RFC 3927, RFC 4291) and the metadata services of clouds that
 * stand elsewhere, in every notation that reaches them. Nothing there is a region, so nobody is asked for a snapshot there.
 */
const REFUSED = new BlockList()
REFUSED.addSubnet('169.254.0.0', 16, 'ipv4')
REFUSED.addSubnet('fe80::', 10, 'ipv6')
REFUSED.addSubnet('64:ff9b::a9fe:0', 112, 'ipv6')
REFUSED.addSubnet('2002:a9fe::', 32, 'ipv6')
REFUSED.addAddress('fd00:ec2::254', 'ipv6')
for (const address of ['100.100.100.200', '168.63.129.16', '192.0.0.192']) {
  const [a, b, c, d] = address.split('.').map((part) => Number(part).toString(16).padStart(2, '0'))
  REFUSED.addAddress(address, 'ipv4')
  // Through NAT64 (RFC 6052) and 6to4 (RFC 3056).
  REFUSED.addAddress(`64:ff9b::${a}${b}:${c}${d}`, 'ipv6')
  REFUSED.addSubnet(`2002:${a}${b}:${c}${d}::`, 48, 'ipv6')
}

/** `address`: as text, without brackets; an IPv4 address written as an IPv6 one is the IPv4 address. */
export const isRefusedAddress = (address: string): boolean => {
  const family = isIP(address)
  return family !== 0 && REFUSED.check(address.replace(/%.*$/, ''), family === 6 ? 'ipv6' : 'ipv4')
}

/** @throws StoreError `WRONG_INPUT`. */
export const checkHost = (hostname: string): void => {
  const address = hostname.replace(/^\[|\]$/g, '')
  if (isRefusedAddress(address)) throw refusal(address)
}

/** Resolves a name for one connection: what was checked is what is dialed, so a name cannot change its mind in between. */
export const checkedLookup: LookupFunction = (hostname, options, done) => {
  resolveName(hostname, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return done(error, [])
    const refused = addresses.find(({ address }) => isRefusedAddress(address))
    if (refused !== undefined) return done(refusal(refused.address), [])
    if (options.all) return done(null, addresses)
    const [first] = addresses
    done(null, first!.address, first!.family)
  })
}

const refusal = (address: string) =>
  wrongInput(`location: ${address} is a link-local or metadata address, from which no snapshot is fetched`)
