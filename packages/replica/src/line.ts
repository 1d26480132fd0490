import type { LinkEnd } from '@meridian/core'

/** Our end of a link, for those who speak over it. */
export interface Line {
  /** Handed to the link and not yet to the network. */
  readonly bufferedBytes: number
  /** Nothing once the link is over; ends it where the peer does not read. */
  send(frame: Uint8Array): void
  /** Ends the link from our side. */
  end(reason: string, end?: LinkEnd): void
}
