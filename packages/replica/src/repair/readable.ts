import { StoreError } from '@meridian/core'

/** `undefined` when a block that is read for it is damaged: the reading has noted which. */
export const readable = <T>(read: () => T): { readonly value: T } | undefined => {
  try {
    return { value: read() }
  } catch (error) {
    if (error instanceof StoreError && error.code === 'STORAGE_CORRUPT') return undefined
    throw error
  }
}
