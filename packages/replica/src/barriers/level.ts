import { StoreError } from '@meridian/core'

/** How many active members, this one included: a majority, all, or so many. */
export type Level = 'local' | 'quorum' | 'all' | number

/** Any two of these many members have one in common. */
export const majorityOf = (members: number): number => Math.floor(members / 2) + 1

/** @throws StoreError `BAD_REQUEST` for more regions than are active, or fewer than one. */
export const countOf = (level: Level, members: number): number => {
  switch (level) {
    case 'local':
      return 1
    case 'quorum':
      return majorityOf(members)
    case 'all':
      return members
    default:
      if (!Number.isInteger(level) || level < 1)
        throw new StoreError('BAD_REQUEST', `${level} regions were asked for: ask for 1 to ${members}`)
      if (level > members)
        throw new StoreError(
          'BAD_REQUEST',
          `${level} regions were asked for and ${members} ${members === 1 ? 'is' : 'are'} active: ask for at most ${members}`,
        )
      return level
  }
}
