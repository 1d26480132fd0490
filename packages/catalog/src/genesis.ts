/**
 * The first change of every catalog, as bytes: two Automerge documents that were created apart share no history, and merging
 * them would hide one's maps behind the other's. Actor 00000000, sequence 1, time 0, message `genesis`; it makes the top-level
 * maps named in `ROOT_MAPS`, for ever: no later change may write the root.
 */
export const GENESIS: Uint8Array = Uint8Array.from(
  Buffer.from(
    '856f4a837ef31d9201660004000000000101000767656e65736973000515423401420256027002790b636f6c6c656374696f6e73076d656d6265727307616c69617365730e7061796c6f6164496e646578657308706f6c69636965730665706f63687305657874726107070007000700',
    'hex',
  ),
)

/** Automerge's hash of `GENESIS`. */
export const GENESIS_HASH = '7ef31d92894d55f5decf9ee9a998a85a2d63ab737063456039b157fe1135fc1b'

/** No replica has it: replica numbers start at 1. */
export const GENESIS_ACTOR = '00000000'

/** `extra` holds settings; `policies` and `epochs` are not written yet, and are there because they cannot be added later. */
export const ROOT_MAPS = ['collections', 'members', 'aliases', 'payloadIndexes', 'policies', 'epochs', 'extra'] as const

/** The document as Automerge shows it: values are whatever peers wrote, and are checked when they are read. */
export type CatalogDocument = { [K in (typeof ROOT_MAPS)[number]]: Record<string, unknown> }
