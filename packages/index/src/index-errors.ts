import { StoreError } from '@meridian/core'

/** Why the index of a region refuses a call. All pass by themselves but for a space that is not open, and the end. */

export const notOpen = (): StoreError => new StoreError('NOT_READY', 'the vector space is not open')

export const spaceGone = (): StoreError => new StoreError('NOT_READY', 'the space is gone')

export const stillLoading = (): StoreError =>
  new StoreError('NOT_READY', 'the index of this vector is being loaded: see /readyz, and try again')

export const openedAnew = (): StoreError => new StoreError('OVERLOADED', 'the space is being opened anew; try again')

export const workerDied = (): StoreError =>
  new StoreError('OVERLOADED', 'the index worker died and is being replaced; try again')

export const indexClosed = (): StoreError => new StoreError('SHUTTING_DOWN', 'the index is closed')
