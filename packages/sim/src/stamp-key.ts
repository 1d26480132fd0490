import type { Stamp } from '@meridian/core'

/** Names a write, whatever it was made from. */
export const stampKey = ({ ms, counter, writer }: Stamp): string => `${ms}/${counter}@${writer}`
