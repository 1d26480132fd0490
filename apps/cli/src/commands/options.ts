import { InvalidArgumentError, Option } from 'commander'

/** Parses a whole number in a range for commander, which prints the sentence with the option's name. */
export const wholeNumber =
  (min: number, max = Number.MAX_SAFE_INTEGER) =>
  (text: string): number => {
    const value = Number(text)
    if (/^\d+$/.test(text) && value >= min && value <= max) return value
    throw new InvalidArgumentError(
      `It must be a whole number from ${min}${max === Number.MAX_SAFE_INTEGER ? ' up' : ` to ${max}`}.`,
    )
  }

export const httpUrl = (text: string): string => {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text
  throw new InvalidArgumentError('It must look like http://127.0.0.1:6333.')
}

/** `a,b,c`, and repeated options, as one list. */
export const httpUrls = (text: string, before: readonly string[] | undefined): readonly string[] => [
  ...(before ?? []),
  ...text.split(',').map((part) => httpUrl(part.trim())),
]

export const names = (text: string): readonly string[] => {
  const list = text.split(',').map((part) => part.trim())
  const wrong = list.find((name) => !/^[a-z][a-z0-9-]{0,31}$/.test(name))
  if (wrong !== undefined)
    throw new InvalidArgumentError(`A region is 1-32 characters of a-z, 0-9 and -, starting with a letter.`)
  if (new Set(list).size < list.length) throw new InvalidArgumentError('A region is named twice.')
  return list
}

/** Where `meridian cluster` listens when nothing else is said. */
export const LOCAL_URLS: readonly string[] = ['http://127.0.0.1:6333', 'http://127.0.0.1:6343', 'http://127.0.0.1:6353']

/** `--url`, of a command that speaks to one region. */
export const regionOption = (description: string): Option =>
  new Option('--url <url>', description).env('MERIDIAN_URL').argParser(httpUrl).default(LOCAL_URLS[0])

export const sha256 = (text: string): string => {
  if (/^[0-9a-f]{64}$/i.test(text)) return text.toLowerCase()
  throw new InvalidArgumentError('It must be a SHA-256 in 64 hex digits.')
}
