import { closeSync, fsyncSync, openSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** Makes the names in `directory` durable: a new file is not there after a power loss before its directory is flushed. */
export const syncDirectory = (directory: string): void => {
  if (process.platform === 'win32') return
  const handle = openSync(directory, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

/** Replaces `path` by `text`, durably: after a crash it holds the old content or the new, never a part. */
export const writeDurably = (path: string, text: string): void => {
  const temporary = `${path}.new`
  const handle = openSync(temporary, 'w')
  try {
    writeFileSync(handle, text)
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
  renameSync(temporary, path)
  syncDirectory(dirname(path))
}
