import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { z } from 'zod'

/** `read-only`, `read-write` (points and payload indexes), or `admin`: everything. */
export const KEY_ACCESS = ['read-only', 'read-write', 'admin'] as const
export type KeyAccess = (typeof KEY_ACCESS)[number]

/** One key as the region keeps it: never the key itself. */
export interface KeyGrant {
  /** For the log. */
  readonly name: string
  /** SHA-256 of the key, 64 hex digits. */
  readonly sha256: string
  readonly access: KeyAccess
  /** All when absent; never with `admin`. */
  readonly collections: readonly string[] | undefined
}

const EntrySchema = z
  .strictObject({
    name: z.string().min(1).max(64),
    key: z
      .string()
      .regex(/^[\x21-\x7e]{1,256}$/)
      .optional(),
    sha256: z
      .string()
      .regex(/^[0-9a-fA-F]{64}$/)
      .optional(),
    access: z.enum(KEY_ACCESS),
    collections: z.array(z.string().min(1)).min(1).optional(),
  })
  .refine(({ key, sha256 }) => (key === undefined) !== (sha256 === undefined), { error: 'give either key or sha256' })
  .refine(({ access, collections }) => access !== 'admin' || collections === undefined, {
    error: 'admin is for all collections; leave collections out, or use read-write',
  })

const FileSchema = z.array(EntrySchema).min(1).max(1000)

/**
 * Read once, at the start.
 * @throws Error with one line that repeats nothing of the file but its places.
 */
export const readKeysFile = (path: string): readonly KeyGrant[] => {
  let value: unknown
  try {
    value = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    throw new Error(code === undefined ? 'must be a file of JSON' : `cannot be read (${code})`)
  }
  const result = FileSchema.safeParse(value)
  if (!result.success) {
    const { path: place, message } = result.error.issues[0]!
    throw new Error(
      `must be a list of {name, key or sha256, access, collections}: at ${place.join('.') || 'the top'}: ${message}`,
    )
  }
  const names = result.data.map(({ name }) => name)
  if (new Set(names).size < names.length) throw new Error('names two keys alike; give each its own name')
  return Object.freeze(
    result.data.map(({ name, key, sha256, access, collections }) => ({
      name,
      sha256: sha256?.toLowerCase() ?? sha256Hex(key!),
      access,
      collections,
    })),
  )
}

export const sha256Hex = (text: string): string => createHash('sha256').update(text).digest('hex')
