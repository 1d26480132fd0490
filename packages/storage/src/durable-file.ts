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

/** Makes the content of the file durable. */
export const syncFile = (path: string): void => {
  const handle = openSync(path, 'r+')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

/** Makes or empties the file and fills it, durably. */
export const writeDurably = (path: string, text: string): void => {
  writeFileSync(path, text)
  syncFile(path)
  syncDirectory(dirname(path))
}

/** Renames durably: after a crash the file has the old name or the new one. */
export const renameDurably = (from: string, to: string): void => {
  renameSync(from, to)
  syncDirectory(dirname(to))
}
